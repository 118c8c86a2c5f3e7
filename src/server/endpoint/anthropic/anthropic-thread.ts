// Conversations that Anthropic's server is asked to hold: whoever continues one sends what is new and the id of the last answer. The rollout's memory
// holds them, by the ids of their answers.
import type { z } from "zod";
import type { FieldReader } from "../field-reader.js";
import type { ItemMemory } from "../item-memory.js";
import { badRequest } from "../request-error.js";
import { anthropicFields } from "./anthropic-fields.js";

type Body = z.infer<typeof anthropicFields.body.served>;

/** A conversation before the next answer. */
export type Thread = Pick<Body, "system" | "tools" | "messages">;

/** What of a request its answer needs. */
export interface AnthropicWire {
  /** To be held with the answer; null: the client sends everything anew. */
  readonly thread: Thread | null;
}

/**
 * The whole conversation of a request, and whether it is held.
 * @throws RequestError 400 where the one to be continued is not held
 */
export function readThread(
  reader: FieldReader,
  body: Body,
  memory: ItemMemory,
): { readonly whole: Body; readonly wire: AnthropicWire } {
  if (body.thread === undefined || body.thread === null) return { whole: body, wire: { thread: null } };
  const { type, previous_message_id: id } = reader.read(anthropicFields.thread, body.thread, "thread");
  const held = type === "create" ? undefined : heldThread(memory, id ?? "");
  const { system, tools } = held ?? body;
  const thread = { system, tools, messages: [...(held?.messages ?? []), ...body.messages] };
  return { whole: { ...body, ...thread }, wire: { thread } };
}

/** @param content  of the answer */
export function holdThread(
  memory: ItemMemory,
  id: string,
  { thread }: AnthropicWire,
  content: unknown,
): void {
  if (thread === null) return;
  memory.put(keyOf(id), { ...thread, messages: [...thread.messages, { role: "assistant", content }] });
}

// --- internal ---

/** Other dialects hand out ids that look the same. */
const keyOf = (id: string) => `thread of ${id}`;

function heldThread(memory: ItemMemory, id: string): Thread {
  const held = memory.get(keyOf(id)) as Thread | undefined;
  if (held !== undefined) return held;
  const message = `thread.previous_message_id: expected an answer of this rollout to a request with a thread, got ${JSON.stringify(id)}`;
  // By this word clients know to send the whole conversation.
  throw badRequest(message, "thread.previous_message_id", "thread_not_found");
}
