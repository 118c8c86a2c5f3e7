// What a finished run counts as: which rollouts keep a reward and stay in their group, and which are excluded and why.
import type { RolloutOutcome } from "../types/task-group.js";
import type { RunReport } from "./run-rollout.js";

/** A final reward as credit finds it: null is none. */
export interface Outcome {
  readonly outcome: RolloutOutcome;
  readonly reward: number | null;
  readonly error: string | null;
}

/**
 * @param rewardOnError  reward of an agent that threw after at least one policy call; "exclude" drops such rollouts
 * @param finalReward    the reward of a run that returned; not finite is an error of the rollout
 */
export function toOutcome(
  report: RunReport,
  rewardOnError: number | "exclude",
  finalReward: () => number | null,
): Outcome {
  const error = report.error === undefined ? null : messageOf(report.error);
  if (report.ended === "timeout" || report.ended === "cancelled" || report.ended === "provider-error") {
    return { outcome: report.ended, reward: null, error };
  }
  if (report.policyCalls === 0) {
    return {
      outcome: "no-call",
      reward: null,
      error: error ?? "the agent made no call that the policy answered",
    };
  }
  if (report.ended === "threw") {
    return { outcome: "error", reward: rewardOnError === "exclude" ? null : rewardOnError, error };
  }
  const reward = finalReward();
  if (reward === null) {
    const message = "the agent returned nothing and emitted no reward; return a number or call emitReward";
    return { outcome: "no-reward", reward: null, error: message };
  }
  if (!Number.isFinite(reward)) {
    return { outcome: "bad-reward", reward: null, error: `expected a finite reward, got ${reward}` };
  }
  return { outcome: "ok", reward, error: null };
}

// --- internal ---

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
