// What templates want to know of a tool's result and clients leave out: which function it is of.
import type { ChatMessage } from "../../types/chat.js";

/** The messages, a tool's result with the name of the function whose call it answers. */
export function withResultNames(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const names = new Map<string, string>();
  return messages.map((message) => {
    for (const call of message.tool_calls ?? [])
      if (call.id !== undefined) names.set(call.id, call.function.name);
    const name = message.role === "tool" ? names.get(message.tool_call_id ?? "") : undefined;
    return name === undefined || message.name !== undefined ? message : { ...message, name };
  });
}
