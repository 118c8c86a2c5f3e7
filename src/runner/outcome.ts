// What a finished run counts as: which rollouts keep a reward and stay in their group, and which are excluded and why.
import { finalReward, rewardProblem } from "../credit/final-reward.js";
import { kEarlyClients } from "../tracing/self-test.js";
import { isAnsweredInFetch } from "../tracing/wrap-fetch.js";
import type { AgentResult } from "../types/agent.js";
import type { Span } from "../types/span.js";
import { rewardsOfSpan } from "../types/span-reward.js";
import type { RolloutOutcome } from "../types/task-group.js";
import type { AttemptEnding } from "./attempt-job.js";
import type { CallReport } from "./call-account.js";
import type { RunReport } from "./run-rollout.js";
import { describeThrown } from "./thrown.js";

export interface Outcome {
  readonly outcome: RolloutOutcome;
  /** Null when excluded. */
  readonly reward: number | null;
  /** As RolloutResult has them. */
  readonly parts: Readonly<Record<string, number>>;
  readonly error: string | null;
}

export interface OutcomeRules {
  /** Reward of an agent that threw after at least one policy call; "exclude" drops such rollouts. */
  readonly rewardOnError: number | "exclude";
  /** Whether an agent may answer without a policy call. */
  readonly noCall: "excluded" | "allowed";
  /** "allowed": rewards are given later, and an agent that returned need not give one. */
  readonly noReward?: "excluded" | "allowed";
}

/** How an attempt ended, in whatever process its agent ran. */
export interface EndedAttempt {
  readonly ended: AttemptEnding;
  /** What was thrown, or why it was cut, in words; null when it returned. */
  readonly error: string | null;
  /** What the agent returned; null where that is a span, as runner processes keep it. */
  readonly result: AgentResult | null;
  readonly calls: CallReport;
}

/** Of an attempt of this process. */
export function endOfRun({ ended, error, result, calls }: RunReport): EndedAttempt {
  if (ended === "threw" && isMisuse(error))
    return { ended: "misuse", error: describeThrown(error), result, calls };
  if (ended !== "returned") return { ended, error: describeThrown(error), result, calls };
  const problem = rewardProblem(result);
  return { ended: problem === null ? ended : "bad-reward", error: problem, result, calls };
}

export function toOutcome(end: EndedAttempt, spans: readonly Span[], rules: OutcomeRules): Outcome {
  const { ended, error } = end;
  if (ended === "timeout" || ended === "cancelled" || ended === "provider-error") {
    return excluded(ended, withMishaps(end, error));
  }
  if (end.calls.answered === 0 && !(rules.noCall === "allowed" && neededNone(end))) {
    return excluded("no-call", describeNoCall(end, error, rules));
  }
  if (ended === "bad-reward") return excluded("bad-reward", error);
  if (ended !== "returned") {
    // A mistake in the agent's program, not something that the policy did: no reward says so.
    const rewardOnError = ended === "misuse" ? "exclude" : rules.rewardOnError;
    if (rewardOnError === "exclude") return excluded("error", error);
    return { outcome: "error", reward: rewardOnError, parts: partsOf(spans, rewardOnError), error };
  }
  const { reward, problem, error: why } = finalReward(spans, end.result);
  if (problem === "no-reward" && rules.noReward === "allowed")
    return { outcome: "ok", reward: null, parts: partsOf(spans, null), error: null };
  if (reward === null) return excluded(problem ?? "no-reward", why);
  return { outcome: "ok", reward, parts: partsOf(spans, reward), error: null };
}

/** Span of the final reward where the agent emitted it; null where it returned it, and where it ended otherwise. */
export function finalRewardId({ ended, result }: EndedAttempt, spans: readonly Span[]): string | null {
  return ended === "returned" ? finalReward(spans, result).spanId : null;
}

/** Whether the agent returned with a reward, or with one to be given later, whatever it is excluded for. */
export function isRewarded(
  { ended, result }: EndedAttempt,
  spans: readonly Span[],
  { noReward }: Pick<OutcomeRules, "noReward">,
): boolean {
  if (ended !== "returned") return false;
  const { reward, problem } = finalReward(spans, result);
  return reward !== null || (problem === "no-reward" && noReward === "allowed");
}

/**
 * Of a rollout whose calls may be those of another.
 * @param calls  how many
 * @param silent  the other: it ended with a reward and without a call
 */
export function inDoubt(calls: number, silent: string): Outcome {
  const error =
    `${calls} model call${calls === 1 ? "" : "s"} that only the asynchronous context gives to this rollout began while rollout ${silent} ran, which ended with a reward and without any: ` +
    `they may be its own, gone through a queue that rollouts share (a limiter, DataLoader, batcher, emitter or pool); ${kRemedies}, or, if the agent may answer without a call, say noCall: "allowed"`;
  return excluded("in-doubt", error);
}

// --- internal ---

function excluded(outcome: RolloutOutcome, error: string | null): Outcome {
  return { outcome, reward: null, parts: {}, error };
}

function partsOf(spans: readonly Span[], reward: number | null): Readonly<Record<string, number>> {
  const ordered = spans.toSorted((a, b) => a.sequenceId - b.sequenceId);
  const named = ordered.flatMap(rewardsOfSpan).filter(({ name }) => name !== "primary");
  const emitted = Object.fromEntries(named.map(({ name, value }) => [name, value]));
  return reward === null ? emitted : { ...emitted, agent: reward };
}

const kRemedies =
  "make the client inside the agent with the rollout's base URL (context.endpoint.openai), or queue agl.bind(fn)";

/** What a function of this package, or of another copy of it, throws at a wrong argument, such as emitReward("1"). */
function isMisuse(error: unknown): boolean {
  try {
    return error instanceof Error && error.name === "LightningError" && Object(error).code === "E_ARGUMENT";
  } catch {
    return false; // Of what cannot be read nothing is known: it is the agent's.
  }
}

/** Not of one whose calls failed: it answered as it did because they failed. */
function neededNone({ ended, calls }: EndedAttempt): boolean {
  return (ended === "returned" || ended === "bad-reward") && calls.refused === 0 && calls.unseen === 0;
}

/** An outage may be that of a server which the policy was meant to stand for. */
function withMishaps({ ended, calls }: EndedAttempt, error: string | null): string | null {
  if (ended !== "provider-error" || calls.mishaps.length === 0) return error;
  return [error, ...calls.mishaps].join("; ");
}

function describeNoCall({ calls }: EndedAttempt, error: string | null, { noCall }: OutcomeRules): string {
  const none =
    `the agent made no model call of its own; if its calls go through a queue that rollouts share: ${kRemedies}` +
    (noCall === "allowed" ? "" : '; if it may answer without a call, say noCall: "allowed"') +
    (isAnsweredInFetch() ? `; ${kEarlyClients}` : "");
  const what =
    calls.mishaps.length === 0 ? none : `the policy answered no model call: ${calls.mishaps.join("; ")}`;
  return error === null ? what : `${error}; ${what}`;
}
