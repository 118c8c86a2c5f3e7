// What one rollout's Responses are remembered by: items by their ids, whole conversations by the ids of responses.
import type { ItemMemory } from "../item-memory.js";
import { badRequest } from "../request-error.js";

export type Item = Readonly<Record<string, unknown>>;

/** One response with the conversation that led to it, its own items at the end. */
export interface RememberedResponse {
  readonly response: Readonly<Record<string, unknown>>;
  readonly input: readonly unknown[];
  readonly output: readonly Item[];
}

/** So that a client's questions about it are known from those about the provider's own. */
export const kResponsePrefix = "resp_agl_";

export function remember(memory: ItemMemory, id: string, remembered: RememberedResponse): void {
  memory.put(id, remembered);
  for (const item of remembered.output) memory.put(String(item.id), item);
}

export function recall(memory: ItemMemory, id: string): RememberedResponse | undefined {
  const found = id.startsWith(kResponsePrefix) ? memory.get(id) : undefined;
  return found as RememberedResponse | undefined;
}

/**
 * The conversation that a request continues, and then its own items.
 * @throws RequestError when the response is not of this rollout
 */
export function wholeInput(
  memory: ItemMemory,
  previousId: string | null,
  items: readonly unknown[],
): readonly unknown[] {
  if (previousId === null) return items;
  const previous = recall(memory, previousId);
  if (previous !== undefined) return [...previous.input, ...previous.output, ...items];
  const message = `previous_response_id: expected a response of this rollout, got ${JSON.stringify(previousId)}; send the whole conversation as input`;
  throw badRequest(message, "previous_response_id", "previous_response_not_found");
}
