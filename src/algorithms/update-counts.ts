// Updates taken so far, by adapter: the place in a schedule, which a checkpoint keeps.
import type { Json } from "../base/json-value.js";

export interface UpdateCounts {
  of(adapter: string): number;
  add(adapter: string, updates: number): void;
  state(): { readonly updates: Readonly<Record<string, number>> };
  /** Of what is no such state, nothing is counted. */
  restore(state: Json): void;
}

export function createUpdateCounts(): UpdateCounts {
  let counts: Record<string, number> = {};
  /** Of checkpoints from before adapters were told apart: of the one there was. */
  let undivided = 0;
  const of = (adapter: string) => counts[adapter] ?? undivided;
  return {
    of,
    add(adapter, updates) {
      counts[adapter] = of(adapter) + updates;
    },
    state: () => ({ updates: { ...counts } }),
    restore(state) {
      const updates: unknown = Object(state).updates;
      undivided = typeof updates === "number" ? updates : 0;
      const numbers = Object.entries(Object(updates)).filter(([, count]) => typeof count === "number");
      counts = Object.fromEntries(numbers) as Record<string, number>;
    },
  };
}
