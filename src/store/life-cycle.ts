// How rollouts, attempts and workers may change: pure functions of records and the time, the same for every store.
// After Agent Lightning 0.3's store; differences:
// 1. An ended attempt, and a cancelled or succeeded rollout, keep their status: what comes late is refused or ignored.
// 2. A worker is idle or unknown after the attempt it is busy with, not after another one of its attempts.
// 3. No attempt prepares for ever: one that nobody speaks for becomes unresponsive, without limits in its rollout's configuration too.
//
//   attempt   preparing -> running -> succeeded | failed | timeout | unresponsive (-> running when it speaks again)
//   rollout   queuing -> preparing -> running -> succeeded | failed | cancelled | requeuing -> preparing ...
import { checkNumber } from "../base/check.js";
import { LightningError } from "../base/error.js";
import type {
  Attempt,
  AttemptStatus,
  Rollout,
  RolloutConfig,
  RolloutStatus,
  Worker,
} from "../types/rollout.js";
import type { BoundChanges } from "./resources-binding.js";
import type { AttemptChanges } from "./store-records.js";

/** Which status an attempt may be given; any may be given its own again. */
export const attemptMoves: Readonly<Record<AttemptStatus, readonly AttemptStatus[]>> = {
  preparing: ["running", "succeeded", "failed", "timeout", "unresponsive"],
  running: ["succeeded", "failed", "timeout", "unresponsive"],
  unresponsive: ["running", "succeeded", "failed", "timeout"],
  succeeded: [],
  failed: [],
  timeout: [],
};

/** Which status a caller may give a rollout. An ended one can only be queued again. */
export const rolloutMoves: Readonly<Record<RolloutStatus, readonly RolloutStatus[]>> = {
  queuing: ["preparing", "running", "succeeded", "failed", "cancelled", "requeuing"],
  preparing: ["running", "succeeded", "failed", "cancelled", "queuing", "requeuing"],
  running: ["preparing", "succeeded", "failed", "cancelled", "queuing", "requeuing"],
  requeuing: ["queuing", "preparing", "running", "succeeded", "failed", "cancelled"],
  succeeded: ["queuing", "requeuing"],
  failed: ["queuing", "requeuing"],
  cancelled: ["queuing", "requeuing"],
};

/** Succeeded, failed or cancelled. */
export function isEnded(status: RolloutStatus): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** Queuing or requeuing: a claim may take it. */
export function isQueued(status: RolloutStatus): boolean {
  return status === "queuing" || status === "requeuing";
}

/** Preparing or running: the watchdog looks at it. */
export function isActive(status: AttemptStatus): boolean {
  return status === "preparing" || status === "running";
}

/** The rollout with another status; ending stamps endTime, queuing clears it. @throws E_STATE */
export function moveRollout(rollout: Rollout, status: RolloutStatus, now: number): Rollout {
  if (status === rollout.status) return rollout;
  if (rolloutMoves[rollout.status].includes(status)) return withStatus(rollout, status, now);
  throw illegal(`rollout ${rollout.rolloutId}`, rolloutMoves[rollout.status], rollout.status, status);
}

/** The attempt with another status; success and failure stamp endTime. @throws E_STATE */
export function moveAttempt(attempt: Attempt, status: AttemptStatus, now: number): Attempt {
  if (status === attempt.status) return attempt;
  if (!attemptMoves[attempt.status].includes(status))
    throw illegal(`attempt ${attempt.attemptId}`, attemptMoves[attempt.status], attempt.status, status);
  const ends = status === "succeeded" || status === "failed";
  return { ...attempt, status, endTime: ends ? now : attempt.endTime };
}

/** The rollout with the fields that are present. @throws E_STATE */
export function changeRollout(rollout: Rollout, changes: BoundChanges, now: number): Rollout {
  const { status, ...fields } = changes;
  const changed = { ...rollout, ...present(fields) };
  return status === undefined ? changed : moveRollout(changed, status, now);
}

/**
 * The attempt with the fields that are present; a heartbeat wakes an unresponsive one, and any change of one that stays preparing is a
 * sign of life. One that claims to be from the future is from now: no clock of a caller's puts off a deadline.
 * @throws E_STATE; E_ARGUMENT for a heartbeat at no time
 */
export function changeAttempt(attempt: Attempt, changes: AttemptChanges, now: number): Attempt {
  const { status, ...rest } = changes;
  const fields = present(rest);
  const before = fromNowAtLatest(attempt, now);
  const { lastHeartbeatTime: told } = fields;
  if (told !== undefined)
    fields.lastHeartbeatTime = Math.min(checkNumber("store.updateAttempt", "lastHeartbeatTime", told), now);
  const wakes = told !== undefined && attempt.status === "unresponsive";
  const speaks =
    attempt.status === "preparing" && status === undefined && Object.keys(fields).length > 0
      ? { lastHeartbeatTime: now }
      : {};
  const changed = { ...(wakes ? hearFrom(before, now) : before), ...speaks, ...fields };
  return status === undefined ? changed : moveAttempt(changed, status, now);
}

/** A sign of life: an attempt that prepared or was unresponsive runs; an ended one keeps its status. */
export function hearFrom(attempt: Attempt, now: number): Attempt {
  const speaks = attempt.status === "preparing" || attempt.status === "unresponsive";
  return { ...attempt, status: speaks ? "running" : attempt.status, lastHeartbeatTime: now };
}

/**
 * An attempt that seems to be from the future is from now: the clock was set back, and no limit of it waits until the clock is there again.
 */
export function fromNowAtLatest(attempt: Attempt, now: number): Attempt {
  const { status, startTime, lastHeartbeatTime } = attempt;
  if (!isActive(status) || (startTime <= now && heardAt(attempt) <= now)) return attempt;
  return {
    ...attempt,
    startTime: Math.min(startTime, now),
    lastHeartbeatTime: lastHeartbeatTime === null ? null : Math.min(lastHeartbeatTime, now),
  };
}

/**
 * An attempt that prepares with its worker's sign of life as its own: so it is not lost. A worker that asked for more since, and never
 * spoke of this attempt, does not know of it: the answer that gave it away did not arrive. A sign from the future is one of before the
 * clock was set back.
 */
export function hearFromWorker(attempt: Attempt, worker: Worker | null, now: number): Attempt {
  const { lastHeartbeatTime = null, lastDequeueTime = null } = worker ?? {};
  const isKnown = attempt.lastHeartbeatTime !== null || (lastDequeueTime ?? 0) <= attempt.startTime;
  const isNews =
    lastHeartbeatTime !== null && lastHeartbeatTime > heardAt(attempt) && lastHeartbeatTime <= now;
  return isKnown && isNews ? { ...attempt, lastHeartbeatTime } : attempt;
}

/**
 * The rollout after its latest attempt changed. A try that failed in a way the configuration retries is queued again while attempts are
 * left. An ended rollout stays as it is, except one that failed because its attempt was unresponsive, when that speaks again.
 * @param before  the attempt's status before the change; no change, no effect
 * @param cause  "lost": nobody ever had the attempt (overdue); if it is the first, the rollout is queued once more, whatever its configuration
 */
export function propagate(
  rollout: Rollout,
  before: AttemptStatus,
  attempt: Attempt,
  now: number,
  cause: "told" | "lost" = "told",
): Rollout {
  if (before === attempt.status || (cause === "lost" && isQueued(rollout.status))) return rollout;
  const isUntried = cause === "lost" && attempt.sequenceId === 1;
  const status = isUntried ? "requeuing" : statusAfter(rollout.config, attempt);
  const revives =
    rollout.status === "failed" &&
    before === "unresponsive" &&
    (status === "running" || status === "succeeded");
  if (isEnded(rollout.status) && !revives) return rollout;
  return withStatus(rollout, status, now);
}

/**
 * What the watchdog does with an attempt; null: nothing. Being too late counts before being silent. "lost" is an attempt that prepares
 * in silence for too long where its rollout sets no limit of its own: it becomes unresponsive, unless its worker speaks for it.
 */
export function overdue(
  attempt: Attempt,
  config: RolloutConfig,
  preparingSeconds: number,
  now: number,
): "timeout" | "unresponsive" | "lost" | null {
  if (!isActive(attempt.status)) return null;
  const { timeoutSeconds, unresponsiveSeconds } = config;
  if (timeoutSeconds !== null && now - attempt.startTime > timeoutSeconds) return "timeout";
  if (!(now - heardAt(attempt) > patienceWith(attempt, config, preparingSeconds))) return null;
  return unresponsiveSeconds === null ? "lost" : "unresponsive";
}

/** When the attempt, left alone, becomes overdue; Infinity: never. */
export function deadlineOf(attempt: Attempt, config: RolloutConfig, preparingSeconds: number): number {
  if (!isActive(attempt.status)) return Number.POSITIVE_INFINITY;
  return Math.min(
    attempt.startTime + (config.timeoutSeconds ?? Number.POSITIVE_INFINITY),
    heardAt(attempt) + patienceWith(attempt, config, preparingSeconds),
  );
}

/** The worker after one of its attempts began or changed. */
export function syncWorker(worker: Worker, attempt: Attempt, now: number): Worker {
  const { rolloutId, attemptId, status } = attempt;
  if (isActive(status))
    return {
      ...worker,
      status: "busy",
      lastBusyTime: now,
      currentRolloutId: rolloutId,
      currentAttemptId: attemptId,
    };
  if (worker.currentAttemptId !== attemptId) return worker;
  if (status === "timeout" || status === "unresponsive") return { ...worker, status: "unknown" };
  return { ...worker, status: "idle", lastIdleTime: now, currentRolloutId: null, currentAttemptId: null };
}

/** The worker after it asked for rollouts; one that got none is idle, unless it still has something to do. */
export function afterClaim(worker: Worker, claimed: number, now: number): Worker {
  const idles = claimed === 0 && worker.currentAttemptId === null;
  const idle = idles ? ({ status: "idle", lastIdleTime: now } as const) : {};
  return { ...worker, ...idle, lastDequeueTime: now };
}

// --- internal ---

function heardAt({ lastHeartbeatTime, startTime }: Attempt): number {
  return lastHeartbeatTime ?? startTime;
}

/** Seconds of silence. */
function patienceWith(
  { status }: Attempt,
  { unresponsiveSeconds }: RolloutConfig,
  preparingSeconds: number,
): number {
  return unresponsiveSeconds ?? (status === "preparing" ? preparingSeconds : Number.POSITIVE_INFINITY);
}

function present<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function statusAfter({ retryCondition, maxAttempts }: RolloutConfig, attempt: Attempt): RolloutStatus {
  const { status, sequenceId } = attempt;
  if (isActive(status) || status === "succeeded") return status as RolloutStatus;
  return retryCondition.includes(status) && sequenceId < maxAttempts ? "requeuing" : "failed";
}

function withStatus(rollout: Rollout, status: RolloutStatus, now: number): Rollout {
  return { ...rollout, status, endTime: isEnded(status) ? now : null };
}

function illegal(who: string, moves: readonly string[], from: string, to: string): LightningError {
  const expected = moves.length === 0 ? "no other status" : moves.join(", ");
  return new LightningError("E_STATE", `store: ${who} is ${from}: expected ${expected} after it, got ${to}`);
}
