// What one rollout was handed under an id (answers, items of answers), for clients that send the id in the item's place. One a rollout, which is its
// bound as well.
import { randomUUID } from "node:crypto";

export interface ItemMemory {
  /** An id that nothing else has. */
  newId(prefix: string): string;
  put(id: string, item: unknown): void;
  /** undefined: not handed out in this rollout, or deleted. */
  get(id: string): unknown;
  /** Whether there was such an item. */
  delete(id: string): boolean;
}

export function createItemMemory(): ItemMemory {
  const items = new Map<string, unknown>();
  // One random number a rollout; what follows counts.
  const own = randomUUID().replaceAll("-", "").slice(0, 24);
  let made = 0;
  return {
    newId: (prefix) => prefix + own + (made++).toString(16).padStart(8, "0"),
    put: (id, item) => void items.set(id, item),
    get: (id) => items.get(id),
    delete: (id) => items.delete(id),
  };
}
