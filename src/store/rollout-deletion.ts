// Which rollouts can be forgotten: those that have ended.
import { LightningError } from "../base/error.js";
import type { Rollout } from "../types/rollout.js";
import { isEnded } from "./life-cycle.js";

/** @throws E_STATE for the first that has not ended */
export function checkDeletable(rollouts: readonly Rollout[]): void {
  const open = rollouts.find(({ status }) => !isEnded(status));
  if (open !== undefined)
    throw new LightningError(
      "E_STATE",
      `store.deleteRollouts: expected rollouts that have ended, got ${open.rolloutId}, which is ${open.status}; cancel it first`,
    );
}
