// Ids of nine letters and digits, which Mistral's templates refuse calls without.
import { createHash } from "node:crypto";
import type { ChatMessage } from "../../types/chat.js";

export function isShortId(id: unknown): id is string {
  return typeof id === "string" && /^[a-zA-Z0-9]{9}$/.test(id);
}

/** The same for the same name. */
export function shortId(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 9);
}

/** The messages with such ids in the place of others; a result without an id is of the first call that has none yet. */
export function withShortIds(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const toShort = (id: string) => (isShortId(id) ? id : shortId(id));
  let open: string[] = [];
  return messages.map((message, i) => {
    if (message.tool_calls?.length) {
      const calls = message.tool_calls.map((call, j) => ({ ...call, id: toShort(call.id ?? `${i}/${j}`) }));
      open = calls.map(({ id }) => id);
      return { ...message, tool_calls: calls };
    }
    if (message.role !== "tool") return message;
    const own = typeof message.tool_call_id === "string" ? toShort(message.tool_call_id) : open[0];
    if (own === undefined) return message;
    open = open.filter((id) => id !== own);
    return { ...message, tool_call_id: own };
  });
}
