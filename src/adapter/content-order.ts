// Model calls of one rollout in an order that no clock has a part in. Calls that run side by side begin and end as it happens; rows in the
// order of their ends would be summed in another order each time, to other bits.
import type { Transition } from "../types/transition.js";

/** By prompt, shorter first, then by answer: a call comes after every call that it continues. */
export function inContentOrder(transitions: readonly Transition[]): Transition[] {
  return transitions.toSorted(
    (a, b) => compareIds(a.promptIds, b.promptIds) || compareIds(a.responseIds, b.responseIds),
  );
}

// --- internal ---

function compareIds(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return a.length - b.length;
  const at = a.findIndex((id, i) => id !== b[i]);
  return at < 0 ? 0 : Number(a[at]) - Number(b[at]);
}
