// A rollout with its attempts, as it is and as the file has it. What differs is written; records are never changed in place.
import type { Attempt, Rollout } from "../../types/rollout.js";
import type { RolloutEntry } from "../rollout-entry.js";
import type { Connection } from "./connection.js";
import { attemptKey, toDeadline, toIdText } from "./rows.js";

export interface Entry extends RolloutEntry {
  readonly key: number;
  /** In the queue; null: it is not there. */
  place: number | null;
  /** The last place for a span that was given away. */
  lastSequenceId: number;
  /** Of a new rollout, as JSON; null: undefined. */
  readonly input: string | null;
  /** Characters of the input as it was read or made. */
  readonly size: number;
  /** The number of its last change; null: as it is in the file. */
  changed: number | null;
  /** Null: not in the file yet. */
  saved: Saved | null;
}

export function saveEntry(db: Connection, entry: Entry, preparingSeconds: number): void {
  const { key, rollout, attempts, place, lastSequenceId, saved } = entry;
  if (saved === null) insertRollout(db, entry);
  else updateRollout(db, entry, saved);
  const deadlines = attempts.map((attempt) => toDeadline(attempt, rollout, preparingSeconds));
  for (const [index, attempt] of attempts.entries()) {
    const before = saved?.attempts[index];
    const deadline = deadlines[index] ?? null;
    if (before === undefined) insertAttempt(db, attemptKey(key, index + 1), attempt, deadline);
    else if (attempt !== before || deadline !== saved?.deadlines[index])
      updateAttempt(db, attemptKey(key, index + 1), attempt, deadline);
  }
  if (entry.changed !== null && saved !== null)
    db.run("UPDATE rollouts SET changed = ? WHERE key = ?", entry.changed, key);
  entry.changed = null;
  entry.saved = { rollout, attempts: [...attempts], deadlines, place, lastSequenceId };
}

// --- internal ---

interface Saved {
  readonly rollout: Rollout;
  readonly attempts: readonly Attempt[];
  /** Of the attempts. */
  readonly deadlines: readonly (number | null)[];
  readonly place: number | null;
  readonly lastSequenceId: number;
}

const kInsertRollout = "INSERT INTO rollouts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const kMoveRollout =
  "UPDATE rollouts SET status = ?, place = ?, end_time = ?, attempts = ?, sequence = ? WHERE key = ?";
const kUpdateRollout = `UPDATE rollouts SET mode = ?, resources_id = ?, resources_version = ?, config = ?, metadata = ?, input = ?
  WHERE key = ?`;
const kInsertAttempt = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const kUpdateAttempt = `UPDATE attempts SET status = ?, worker_id = ?, start_time = ?, end_time = ?, heartbeat_time = ?, deadline = ?, metadata = ?
  WHERE key = ?`;

function insertRollout(db: Connection, entry: Entry): void {
  const { key, rollout, attempts, place, lastSequenceId, input } = entry;
  const { rolloutId, status, mode, startTime, endTime, resourcesVersion } = rollout;
  const resourcesId = toIdText(rollout.resourcesId);
  const moves = [startTime, endTime, attempts.length, lastSequenceId] as const;
  const texts = [JSON.stringify(rollout.config), JSON.stringify(rollout.metadata), input] as const;
  db.run(
    kInsertRollout,
    key,
    rolloutId,
    status,
    place,
    mode,
    resourcesId,
    ...moves,
    ...texts,
    resourcesVersion,
    entry.changed ?? 0,
  );
}

function updateRollout(db: Connection, entry: Entry, saved: Saved): void {
  const { key, rollout, attempts, place, lastSequenceId } = entry;
  const { status, endTime, mode, resourcesVersion, config, metadata, input } = rollout;
  const before = saved.rollout;
  if (
    status !== before.status ||
    endTime !== before.endTime ||
    place !== saved.place ||
    lastSequenceId !== saved.lastSequenceId ||
    attempts.length !== saved.attempts.length
  )
    db.run(kMoveRollout, status, place, endTime, attempts.length, lastSequenceId, key);
  if (
    mode !== before.mode ||
    rollout.resourcesId !== before.resourcesId ||
    resourcesVersion !== before.resourcesVersion ||
    config !== before.config ||
    metadata !== before.metadata ||
    input !== before.input
  ) {
    const texts = [JSON.stringify(config), JSON.stringify(metadata), JSON.stringify(input) ?? null] as const;
    db.run(kUpdateRollout, mode, toIdText(rollout.resourcesId), resourcesVersion, ...texts, key);
  }
}

function insertAttempt(db: Connection, key: number, attempt: Attempt, deadline: number | null): void {
  const { attemptId, status, startTime, endTime, lastHeartbeatTime } = attempt;
  const [worker, metadata] = [toIdText(attempt.workerId), JSON.stringify(attempt.metadata)];
  const times = [startTime, endTime, lastHeartbeatTime, deadline] as const;
  db.run(kInsertAttempt, key, attemptId, status, worker, ...times, metadata);
}

function updateAttempt(db: Connection, key: number, attempt: Attempt, deadline: number | null): void {
  const { status, startTime, endTime, lastHeartbeatTime } = attempt;
  const [worker, metadata] = [toIdText(attempt.workerId), JSON.stringify(attempt.metadata)];
  db.run(kUpdateAttempt, status, worker, startTime, endTime, lastHeartbeatTime, deadline, metadata, key);
}
