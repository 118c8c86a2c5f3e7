// A rollout with its attempts as a store holds it while it changes, and what one change brings with it: the rollout follows its latest
// attempt, the worker its own. The same for every store; where the records lie, and how they are locked, is the store's.
import { LightningError } from "../base/error.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import {
  afterClaim,
  deadlineOf,
  fromNowAtLatest,
  hearFromWorker,
  isEnded,
  isQueued,
  moveAttempt,
  overdue,
  propagate,
  syncWorker,
} from "./life-cycle.js";
import { toAttempt } from "./new-records.js";
import { notFound } from "./not-found.js";

export interface RolloutEntry {
  rollout: Rollout;
  /** By sequence id. */
  readonly attempts: Attempt[];
}

/** What changes are made on: a process's memory, or what a transaction has locked. */
export interface EntryTable<E extends RolloutEntry> {
  /** As the store's option says: how long an attempt may prepare without a sign of life. */
  readonly preparingSeconds: number;
  /** Puts the rollout in place of the entry's; queue, waits and deadline follow. */
  setRollout(entry: E, rollout: Rollout): void;
  /** Something else of the entry has changed; its deadline follows. */
  touch(entry: E): void;
  /** What has changed is told by `changes`; of setRollout it always is. */
  announce(entry: E): void;
  /** Null: not known, or the table was not asked to have it. */
  findWorker(workerId: string): Worker | null;
  changeWorker(workerId: string, change: (worker: Worker) => Worker): void;
}

/** @throws E_NOT_FOUND */
export function attemptOf(who: string, { attempts, rollout }: RolloutEntry, attemptId: string): Attempt {
  const found = attempts.findLast((attempt) => attemptId === "latest" || attempt.attemptId === attemptId);
  return found ?? notFound(who, `attempt of ${rollout.rolloutId}`, attemptId);
}

/** A new attempt, with the rollout preparing and the worker busy. */
export function beginAttempt<E extends RolloutEntry>(
  table: EntryTable<E>,
  entry: E,
  workerId: string | null,
  now: number,
): AttemptedRollout {
  const { rollout, attempts } = entry;
  const attempt = toAttempt(rollout.rolloutId, attempts.length + 1, workerId, now);
  attempts.push(attempt);
  tellWorker(table, attempt, now);
  table.setRollout(entry, { ...rollout, status: "preparing", endTime: null });
  return { ...entry.rollout, attempt };
}

/** A further attempt, whatever maxAttempts says. @throws E_STATE when the rollout has ended */
export function startAttempt<E extends RolloutEntry>(
  table: EntryTable<E>,
  entry: E,
  workerId: string | null,
  now: number,
): AttemptedRollout {
  const { rolloutId, status } = entry.rollout;
  if (isEnded(status))
    throw new LightningError(
      "E_STATE",
      `store.startAttempt: rollout ${rolloutId} is ${status}; queue it again with updateRollout`,
    );
  return beginAttempt(table, entry, workerId, now);
}

/** Takes entries that are queued, with a new attempt each, and notes that the worker asked. */
export function claimEntries<E extends RolloutEntry>(
  table: EntryTable<E>,
  entries: readonly E[],
  workerId: string | null,
  now: number,
): readonly AttemptedRollout[] {
  const claimed = entries.map((entry) => beginAttempt(table, entry, workerId, now));
  if (workerId !== null) table.changeWorker(workerId, (worker) => afterClaim(worker, claimed.length, now));
  return claimed;
}

/** Takes this one. @throws E_STATE when it is not queued */
export function claimEntry<E extends RolloutEntry>(
  table: EntryTable<E>,
  entry: E,
  workerId: string | null,
  now: number,
): AttemptedRollout {
  const { rolloutId, status } = entry.rollout;
  if (!isQueued(status))
    throw new LightningError(
      "E_STATE",
      `store.claimRollout: expected rollout ${rolloutId} to be queued, it is ${status}`,
    );
  const claimed = beginAttempt(table, entry, workerId, now);
  if (workerId !== null) table.changeWorker(workerId, (worker) => afterClaim(worker, 1, now));
  return claimed;
}

/** Puts the attempt in place of the one of its sequence id. @param cause  see propagate */
export function setAttempt<E extends RolloutEntry>(
  table: EntryTable<E>,
  entry: E,
  attempt: Attempt,
  now: number,
  cause: "told" | "lost" = "told",
): Attempt {
  const index = attempt.sequenceId - 1;
  const before = entry.attempts[index] ?? attempt;
  entry.attempts[index] = attempt;
  if (before.status !== attempt.status || before.workerId !== attempt.workerId)
    tellWorker(table, attempt, now);
  const isLatest = index === entry.attempts.length - 1;
  const rollout = isLatest ? propagate(entry.rollout, before.status, attempt, now, cause) : entry.rollout;
  if (rollout !== entry.rollout) table.setRollout(entry, rollout);
  else {
    table.touch(entry);
    if (isNews(before, attempt)) table.announce(entry);
  }
  return attempt;
}

/** The watchdog's look at an entry, overdue or not: ends attempts whose time is up, and those from the future begin now. */
export function endOverdue<E extends RolloutEntry>(table: EntryTable<E>, entry: E, now: number): void {
  const { preparingSeconds } = table;
  for (const kept of [...entry.attempts]) {
    const attempt = fromNowAtLatest(kept, now);
    if (attempt !== kept) setAttempt(table, entry, attempt, now);
    const verdict = overdue(attempt, entry.rollout.config, preparingSeconds, now);
    if (verdict === "lost") endLost(table, entry, attempt, now);
    else if (verdict !== null) setAttempt(table, entry, moveAttempt(attempt, verdict, now), now);
  }
  // Its deadline may have been set by a process with another preparingSeconds.
  table.touch(entry);
}

/** When the watchdog has to look at it; Infinity: never. */
export function deadlineOfEntry({ rollout, attempts }: RolloutEntry, preparingSeconds: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const attempt of attempts)
    next = Math.min(next, deadlineOf(attempt, rollout.config, preparingSeconds));
  return next;
}

// --- internal ---

/** More than a sign of life. */
function isNews(before: Attempt, after: Attempt): boolean {
  const { status, workerId, endTime, metadata } = before;
  return (
    status !== after.status ||
    workerId !== after.workerId ||
    endTime !== after.endTime ||
    metadata !== after.metadata
  );
}

// Its worker may have spoken for it since.
function endLost<E extends RolloutEntry>(
  table: EntryTable<E>,
  entry: E,
  attempt: Attempt,
  now: number,
): void {
  const worker = attempt.workerId === null ? null : table.findWorker(attempt.workerId);
  const heard = hearFromWorker(attempt, worker, now);
  if (overdue(heard, entry.rollout.config, table.preparingSeconds, now) === null)
    setAttempt(table, entry, heard, now);
  else setAttempt(table, entry, moveAttempt(attempt, "unresponsive", now), now, "lost");
}

function tellWorker<E extends RolloutEntry>(table: EntryTable<E>, attempt: Attempt, now: number): void {
  const { workerId } = attempt;
  if (workerId !== null) table.changeWorker(workerId, (worker) => syncWorker(worker, attempt, now));
}
