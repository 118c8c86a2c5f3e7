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
  /** Null: not in the file yet. */
  saved: Saved | null;
}

export function saveEntry(db: Connection, entry: Entry, preparingSeconds: number): void {
  const { key, rollout, attempts, place, lastSequenceId, saved } = entry;
  saveRollout(db, entry);
  const deadlines = attempts.map((attempt) => toDeadline(attempt, rollout, preparingSeconds));
  for (const [index, attempt] of attempts.entries()) {
    const before = saved?.attempts[index];
    const deadline = deadlines[index] ?? null;
    if (attempt !== before || deadline !== saved?.deadlines[index])
      saveAttempt(db, attemptKey(key, index + 1), attempt, deadline, before === undefined);
  }
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

const kAddRollout = "INSERT INTO rollouts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const kMoveRollout =
  "UPDATE rollouts SET status = ?, place = ?, end_time = ?, attempts = ?, sequence = ? WHERE key = ?";
const kChangeRollout = `UPDATE rollouts SET mode = ?, resources_id = ?, resources_version = ?, config = ?, metadata = ?, input = ?
  WHERE key = ?`;
const kAddAttempt = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const kSetAttempt = `UPDATE attempts SET status = ?, worker_id = ?, end_time = ?, heartbeat_time = ?, deadline = ?, metadata = ?
  WHERE key = ?`;

function saveRollout(
  db: Connection,
  { key, rollout, attempts, place, lastSequenceId, saved, input }: Entry,
): void {
  const { status, endTime, mode, resourcesVersion } = rollout;
  const resourcesId = toIdText(rollout.resourcesId);
  const texts = () => [JSON.stringify(rollout.config), JSON.stringify(rollout.metadata)] as const;
  if (saved === null) {
    db.run(
      kAddRollout,
      key,
      rollout.rolloutId,
      status,
      place,
      mode,
      resourcesId,
      rollout.startTime,
      endTime,
      attempts.length,
      lastSequenceId,
      ...texts(),
      input,
      resourcesVersion,
    );
    return;
  }
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
    rollout.config !== before.config ||
    rollout.metadata !== before.metadata ||
    rollout.input !== before.input
  )
    db.run(
      kChangeRollout,
      mode,
      resourcesId,
      resourcesVersion,
      ...texts(),
      JSON.stringify(rollout.input) ?? null,
      key,
    );
}

function saveAttempt(
  db: Connection,
  key: number,
  attempt: Attempt,
  deadline: number | null,
  isNew: boolean,
): void {
  const { status, workerId, startTime, endTime, lastHeartbeatTime } = attempt;
  const worker = toIdText(workerId);
  const metadata = JSON.stringify(attempt.metadata);
  if (isNew)
    db.run(
      kAddAttempt,
      key,
      attempt.attemptId,
      status,
      worker,
      startTime,
      endTime,
      lastHeartbeatTime,
      deadline,
      metadata,
    );
  else db.run(kSetAttempt, status, worker, endTime, lastHeartbeatTime, deadline, metadata, key);
}
