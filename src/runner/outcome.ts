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

export interface OutcomeRules {
  /** Reward of an agent that threw after at least one policy call; "exclude" drops such rollouts. */
  readonly rewardOnError: number | "exclude";
  /** Whether an agent may answer without a policy call. */
  readonly noCall: "excluded" | "allowed";
}

export function toOutcome(report: RunReport, spans: readonly Span[], rules: OutcomeRules): Outcome {
  const error = report.ended === "returned" ? null : describeThrown(report.error);
  if (report.ended === "timeout" || report.ended === "cancelled" || report.ended === "provider-error") {
    return { outcome: report.ended, reward: null, error };
  }
  if (report.calls.answered === 0 && !(rules.noCall === "allowed" && neededNone(report))) {
    return { outcome: "no-call", reward: null, error: describeNoCall(report, error, rules) };
  }
  if (report.ended === "threw") {
    const { rewardOnError } = rules;
    return { outcome: "error", reward: rewardOnError === "exclude" ? null : rewardOnError, error };
  }
  const final = finalReward(spans, report.result);
  return { outcome: final.problem ?? "ok", reward: final.reward, error: final.error };
}

/** True of a run that earned a reward though no call to the policy was its own: its calls may have run as another's. */
export function isRewardedWithoutCall(report: RunReport, spans: readonly Span[]): boolean {
  const { answered, refused } = report.calls;
  if (report.ended !== "returned" || answered + refused > 0) return false;
  return finalReward(spans, report.result).reward !== null;
}

// --- internal ---

/** Not of one whose calls failed: it answered as it did because they failed. */
function neededNone({ ended, calls }: RunReport): boolean {
  return ended === "returned" && calls.refused === 0 && calls.unseen === 0;
}

function describeNoCall({ calls }: RunReport, error: string | null, { noCall }: OutcomeRules): string {
  const none =
    "the agent made no model call that was its own; if its calls wait in a queue that rollouts share, make its client with baseURL context.endpoint.openai or queue agl.bind(fn)" +
    (noCall === "allowed" ? "" : ', and if it may answer without a call, say noCall: "allowed"');
  const what =
    calls.mishaps.length === 0 ? none : `the policy answered no model call: ${calls.mishaps.join("; ")}`;
  return error === null ? what : `${error}; ${what}`;
}
