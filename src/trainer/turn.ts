// Who trains an adapter now. Two steps at once would mix their gradients and sample from each other's half-made updates.
import { LightningError } from "../base/error.js";
import type { Policy } from "../policy/policy.js";

/** Runs a step as the only one of this adapter. @throws E_STATE when another trainer's step is under way */
export async function inTurn<T>(policy: Policy, adapter: string, step: () => Promise<T>): Promise<T> {
  const adapters = kTrained.get(policy) ?? new Set<string>();
  kTrained.set(policy, adapters);
  if (adapters.has(adapter)) {
    throw new LightningError(
      "E_STATE",
      `trainer.step: expected no other step on adapter ${adapter}, another trainer of this policy is in one; await it first`,
    );
  }
  adapters.add(adapter);
  try {
    return await step();
  } finally {
    adapters.delete(adapter);
  }
}

// --- internal ---

/** A field of the policy that only trainers see; policies do not meet in it. */
const kTrained = new WeakMap<Policy, Set<string>>();
