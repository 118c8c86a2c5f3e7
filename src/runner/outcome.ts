// What a finished run counts as: which rollouts keep a reward and stay in their group, and which are excluded and why.
import { finalReward } from "../credit/final-reward.js";
import type { Span } from "../types/span.js";
import type { RolloutOutcome } from "../types/task-group.js";
import type { RunReport } from "./run-rollout.js";
import { describeThrown } from "./thrown.js";

export interface Outcome {
  readonly outcome: RolloutOutcome;
  /** Null when excluded. */
  readonly reward: number | null;
  readonly error: string | null;
}

/** @param rewardOnError  reward of an agent that threw after at least one policy call; "exclude" drops such rollouts */
export function toOutcome(
  report: RunReport,
  spans: readonly Span[],
  rewardOnError: number | "exclude",
): Outcome {
  const error = report.ended === "returned" ? null : describeThrown(report.error);
  if (report.ended === "timeout" || report.ended === "cancelled" || report.ended === "provider-error") {
    return { outcome: report.ended, reward: null, error };
  }
  if (report.policyCalls === 0) {
    const message =
      error ??
      "the agent made no model call that the policy answered; hosts besides the known providers' are named in routes.hosts";
    return { outcome: "no-call", reward: null, error: message };
  }
  if (report.ended === "threw") {
    return { outcome: "error", reward: rewardOnError === "exclude" ? null : rewardOnError, error };
  }
  const final = finalReward(spans, report.result);
  return { outcome: final.problem ?? "ok", reward: final.reward, error: final.error };
}
