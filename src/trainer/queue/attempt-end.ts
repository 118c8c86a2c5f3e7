// How an attempt of a runner ended, read from what the store has of it: the words of our own runners, and the statuses that all others leave.
import type { AttemptEnding } from "../../runner/attempt-job.js";
import type { CallReport } from "../../runner/call-account.js";
import type { EndedAttempt } from "../../runner/outcome.js";
import { notesOf } from "../../server/gateway/rollout-view.js";
import type { Attempt, AttemptStatus, Rollout } from "../../types/rollout.js";

/**
 * @param attempt  the last one; undefined: nobody took the rollout
 * @param calls  what its calls came to at the endpoint
 */
export function endOfQueued(rollout: Rollout, attempt: Attempt | undefined, calls: CallReport): EndedAttempt {
  const ended = endingOf(rollout, attempt);
  const told = [attempt?.metadata.error, notesOf(rollout).error_message].find(
    (error) => typeof error === "string",
  );
  const error = ended === "returned" ? null : String(told ?? kReasons[ended]);
  return { ended, error, result: null, calls };
}

// --- internal ---

function endingOf({ status }: Rollout, attempt: Attempt | undefined): AttemptEnding {
  if (status === "cancelled" || attempt === undefined) return "cancelled";
  // The store's word before the runner's: it may have been told otherwise since.
  if (status === "succeeded") return "returned";
  const { outcome } = attempt.metadata;
  const isTold = attempt.status === "failed" && typeof outcome === "string" && kFailures.has(outcome);
  return isTold ? (outcome as AttemptEnding) : kEndings[attempt.status];
}

const kFailures: ReadonlySet<string> = new Set<AttemptEnding>([
  ...(["threw", "provider-error", "timeout", "cancelled", "misuse", "bad-reward"] as const),
]);
const kEndings: Readonly<Record<AttemptStatus, AttemptEnding>> = {
  succeeded: "returned",
  failed: "threw",
  timeout: "timeout",
  // Its runner is gone.
  unresponsive: "cancelled",
  preparing: "cancelled",
  running: "cancelled",
};
const kReasons: Readonly<Record<Exclude<AttemptEnding, "returned">, string>> = {
  threw: "the agent failed; its runner did not say why",
  timeout: "the attempt ran out of time",
  cancelled: "the rollout was cancelled, or its runner is gone",
  "provider-error": "a provider failed",
  misuse: "the agent gave a function of this package a wrong argument",
  "bad-reward": "the agent returned what is no reward",
};
