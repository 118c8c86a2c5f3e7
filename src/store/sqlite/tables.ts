// The records of one transaction: read from the file once, changed in memory by the life cycle, written by flush before the commit.
// What is claimed stays here between transactions for as long as no other connection commits (data_version).
import type { Attempt, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { hearFrom, isEnded, isQueued } from "../life-cycle.js";
import { toWorker } from "../new-records.js";
import { notFound } from "../not-found.js";
import { attemptOf, deadlineOfEntry, type EntryTable, setAttempt } from "../rollout-entry.js";
import type { Connection } from "./connection.js";
import type { Row } from "./driver.js";
import { type Entry, saveEntry } from "./entry.js";
import { EntryCache } from "./entry-cache.js";
import { attemptKey, attemptKeys, toAttemptRecord, toIdText, toRolloutRecord } from "./rows.js";
import { WorkerTable } from "./workers.js";

/** What a transaction did that somebody may wait for. */
export interface Changes {
  /** Ids of rollouts. */
  readonly ended: readonly string[];
  /** How many rollouts entered the queue. */
  readonly queued: number;
  /** The earliest of the deadlines that were set; Infinity: none. */
  readonly deadline: number;
  /** Another connection has committed since the last transaction. */
  readonly foreign: boolean;
}

export class Tables implements EntryTable<Entry> {
  readonly db: Connection;
  readonly preparingSeconds: number;
  readonly workers: WorkerTable;
  readonly #entries = new EntryCache();
  /** Read or made in this transaction, and of these the ones to write. */
  readonly #seen = new Set<Entry>();
  readonly #touched = new Set<Entry>();
  /** The last rollout's key and the queue's last place; null: not read yet. */
  #lastKey: number | null = null;
  #lastPlace: number | null = null;
  /** The head of the queue, read before anybody asked for it; for this transaction only. */
  #ahead: readonly { readonly entry: Entry; readonly place: number }[] = [];
  #aheadCount = 0;
  #changes = nothing();
  /** Of the last transaction. */
  dataVersion: number;
  /** Rises with every write. */
  writes = 0;

  constructor(db: Connection, preparingSeconds: number) {
    this.db = db;
    this.preparingSeconds = preparingSeconds;
    this.workers = new WorkerTable(db);
    this.dataVersion = db.dataVersion();
  }

  begin(kind: "read" | "write"): void {
    this.db.begin(kind);
    const version = this.db.dataVersion();
    if (version === this.dataVersion) return;
    this.#forget();
    this.dataVersion = version;
    this.#changes.foreign = true;
  }

  /** @returns what it did, to be told now that it is kept */
  commit(): Changes {
    this.flush();
    this.db.commit();
    const changes = this.#changes;
    this.#changes = nothing();
    for (const entry of this.#seen)
      if (isEnded(entry.rollout.status) || isQueued(entry.rollout.status)) this.#entries.drop(entry);
    this.#seen.clear();
    this.#entries.trim();
    this.#ahead = [];
    this.#aheadCount = 0;
    this.workers.trim();
    return changes;
  }

  /** As if the transaction had not been; whoever waits hears of what others did with the next one. */
  rollback(): void {
    const { foreign } = this.#changes;
    this.#forget();
    this.#changes = { ...nothing(), foreign };
    this.db.rollback();
  }

  flush(): void {
    for (const entry of this.#touched) saveEntry(this.db, entry, this.preparingSeconds);
    this.#touched.clear();
    this.workers.flush();
  }

  /** @throws E_NOT_FOUND */
  entryOf(who: string, rolloutId: string): Entry {
    const known = this.#entries.get(rolloutId);
    if (known !== undefined) {
      this.#seen.add(known);
      return known;
    }
    const row = typeof rolloutId === "string" ? this.db.get(kGetRollout, toIdText(rolloutId)) : undefined;
    return row === undefined ? notFound(who, "rollout", rolloutId) : this.#toEntry(row);
  }

  hasRollout(rolloutId: string): boolean {
    return (
      this.#entries.get(rolloutId) !== undefined ||
      this.db.get(kGetRollout, toIdText(rolloutId)) !== undefined
    );
  }

  /** At most `limit`, oldest first; they stay in the queue until they change. */
  nextQueued(limit: number): Entry[] {
    let found = this.#ahead.filter(({ entry, place }) => entry.place === place);
    if (found.length < limit) {
      this.flush();
      // Claims come in groups: the next of this transaction will not have to ask.
      this.#aheadCount = Math.min(Math.max(limit, 2 * this.#aheadCount), Math.max(limit, kMostAhead));
      const rows = this.db.all(kNextQueued, this.#aheadCount);
      found = rows.map((row) => ({
        entry: this.#entries.get(row.id as string) ?? this.#toEntry(row),
        place: row.place as number,
      }));
    }
    this.#ahead = found.slice(limit);
    return found.slice(0, limit).map(({ entry }) => entry);
  }

  /** At most `limit` whose deadline has passed. */
  nextOverdue(now: number, limit: number): Entry[] {
    this.flush();
    return this.db.all(kNextOverdue, now, limit).map(({ id }) => this.entryOf("watchdog", id as string));
  }

  /** At most `limit` with a deadline and a time from the future: the clock was set back. */
  fromTheFuture(now: number, limit: number): Entry[] {
    this.flush();
    return this.db
      .all(kFromTheFuture, now, now, limit)
      .map(({ id }) => this.entryOf("watchdog", id as string));
  }

  /** The earliest deadline; Infinity: none. */
  nextDeadline(): number {
    this.flush();
    return (
      (this.db.value("SELECT min(deadline) FROM attempts WHERE deadline IS NOT NULL") as number | null) ??
      Number.POSITIVE_INFINITY
    );
  }

  /** @param input  as JSON; null: undefined */
  addRollout(rollout: Rollout, input: string | null): Entry {
    this.#lastKey ??= (this.db.value("SELECT max(key) FROM rollouts") as number | null) ?? 0;
    this.#lastKey++;
    const entry: Entry = {
      key: this.#lastKey,
      rollout,
      attempts: [],
      place: null,
      lastSequenceId: 0,
      input,
      size: input?.length ?? 0,
      saved: null,
    };
    this.#remember(entry);
    this.setRollout(entry, rollout);
    return entry;
  }

  setRollout(entry: Entry, rollout: Rollout): void {
    const before = entry.rollout.status;
    entry.rollout = rollout;
    if (!isQueued(rollout.status)) entry.place = null;
    else if (entry.place === null) {
      this.#lastPlace ??=
        (this.db.value("SELECT max(place) FROM rollouts WHERE place IS NOT NULL") as number | null) ?? 0;
      this.#lastPlace++;
      entry.place = this.#lastPlace;
      this.#changes.queued++;
    }
    if (isEnded(rollout.status) && !isEnded(before)) this.#changes.ended.push(rollout.rolloutId);
    this.touch(entry);
  }

  /** To be written. */
  touch(entry: Entry): void {
    this.writes++;
    this.#touched.add(entry);
    const deadline = deadlineOfEntry(entry, this.preparingSeconds);
    this.#changes.deadline = Math.min(this.#changes.deadline, deadline);
  }

  findWorker(workerId: string): Worker | null {
    return this.workers.find(workerId);
  }

  changeWorker(workerId: string, change: (worker: Worker) => Worker): void {
    this.workers.set(change(this.workers.find(workerId) ?? toWorker(workerId)));
  }

  /** Keeps spans and counts them as signs of life; null in place of one that was kept before. @param bodies  their JSON */
  addSpans(spans: readonly Span[], bodies: readonly string[], now: number): readonly (Span | null)[] {
    let heard: Attempt | undefined;
    return spans.map((span, index) => {
      const entry = this.entryOf("addSpans", span.rolloutId);
      const attempt = attemptOf("addSpans", entry, span.attemptId);
      if (attempt !== heard) heard = setAttempt(this, entry, hearFrom(attempt, now), now);
      const key = attemptKey(entry.key, attempt.sequenceId);
      return this.keepSpan(key, span, bodies[index] ?? "") ? span : null;
    });
  }

  /** @param key  its attempt's @param body  its JSON @returns false: it was kept before */
  keepSpan(key: number, { sequenceId, spanId }: Span, body: string): boolean {
    return this.db.change(kAddSpan, key, sequenceId, toIdText(spanId), body) === 1;
  }

  nextSequenceId(entry: Entry): number {
    const kept = entry.attempts.map(({ sequenceId }) =>
      Number(
        this.db.value("SELECT max(sequence) FROM spans WHERE attempt = ?", attemptKey(entry.key, sequenceId)),
      ),
    );
    entry.lastSequenceId = Math.max(entry.lastSequenceId, ...kept) + 1;
    this.touch(entry);
    return entry.lastSequenceId;
  }

  #toEntry(row: Row): Entry {
    const key = row.key as number;
    const rollout = toRolloutRecord(row);
    const rows = row.attempts === 0 ? [] : this.db.all(kGetAttempts, ...attemptKeys(key));
    const attempts = rows.map((attempt) => toAttemptRecord(attempt, rollout.rolloutId));
    const place = row.place as number | null;
    const lastSequenceId = row.sequence as number;
    const deadlines = rows.map((attempt) => attempt.deadline as number | null);
    const saved = { rollout, attempts: [...attempts], deadlines, place, lastSequenceId };
    const size = (row.input as string | null)?.length ?? 0;
    const entry: Entry = { key, rollout, attempts, place, lastSequenceId, input: null, size, saved };
    this.#remember(entry);
    return entry;
  }

  #remember(entry: Entry): void {
    this.#entries.add(entry);
    this.#seen.add(entry);
  }

  #forget(): void {
    this.#entries.clear();
    this.#ahead = [];
    this.#aheadCount = 0;
    this.#seen.clear();
    this.workers.forget();
    this.#touched.clear();
    this.#lastKey = null;
    this.#lastPlace = null;
  }
}

// --- internal ---

const kMostAhead = 64;
const kGetRollout = "SELECT * FROM rollouts WHERE id = ?";
const kGetAttempts = "SELECT * FROM attempts WHERE key BETWEEN ? AND ? ORDER BY key";
const kNextQueued = "SELECT * FROM rollouts WHERE place IS NOT NULL ORDER BY place LIMIT ?";
const kNextOverdue = `SELECT r.id FROM attempts a JOIN rollouts r ON r.key = a.key >> 20
  WHERE a.deadline IS NOT NULL AND a.deadline < ? ORDER BY a.deadline LIMIT ?`;
const kFromTheFuture = `SELECT r.id FROM attempts a JOIN rollouts r ON r.key = a.key >> 20
  WHERE a.deadline IS NOT NULL AND (a.start_time > ? OR a.heartbeat_time > ?) LIMIT ?`;
const kAddSpan = `INSERT INTO spans (attempt, sequence, span_id, body) VALUES (?, ?, ?, ?)
  ON CONFLICT (attempt, span_id) DO NOTHING`;

function nothing(): { ended: string[]; queued: number; deadline: number; foreign: boolean } {
  return { ended: [], queued: 0, deadline: Number.POSITIVE_INFINITY, foreign: false };
}
