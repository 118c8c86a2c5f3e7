// The records of one transaction: read from the file once, changed in memory by the life cycle, written by flush before the commit.
// What is claimed stays here between transactions for as long as no other connection commits (data_version).
import type { Rollout, Worker } from "../../types/rollout.js";
import { isEnded, isQueued } from "../life-cycle.js";
import { toWorker } from "../new-records.js";
import { notFound } from "../not-found.js";
import { checkDeletable } from "../rollout-deletion.js";
import { deadlineOfEntry, type EntryTable } from "../rollout-entry.js";
import type { Connection } from "./connection.js";
import type { Row } from "./driver.js";
import { type Entry, saveEntry } from "./entry.js";
import { EntryCache } from "./entry-cache.js";
import { attemptKeys, toAttemptRecord, toIdText, toRolloutRecord } from "./rows.js";
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
  /** The number of the last change; null: not read yet. */
  #lastChange: number | null = null;
  #hasNews = false;
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
    if (this.#hasNews) this.db.run("UPDATE clock SET changed = ?", this.lastChange());
    this.#hasNews = false;
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
      changed: null,
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
    this.announce(entry);
    this.touch(entry);
  }

  announce(entry: Entry): void {
    this.#lastChange = this.lastChange() + 1;
    entry.changed = this.#lastChange;
    this.#hasNews = true;
  }

  /** The number of the last change that was told. */
  lastChange(): number {
    this.#lastChange ??= Number(this.db.value("SELECT changed FROM clock"));
    return this.#lastChange;
  }

  /** With attempts and spans; of this transaction's, none is written afterwards. @throws E_STATE when one has not ended */
  deleteRollouts(rolloutIds: readonly string[]): void {
    const entries = [...new Set(rolloutIds)]
      .filter((id) => this.hasRollout(id))
      .map((id) => this.entryOf("deleteRollouts", id));
    checkDeletable(entries.map(({ rollout }) => rollout));
    if (entries.length > 0) this.flush();
    for (const entry of entries) {
      this.writes++;
      this.db.run("DELETE FROM spans WHERE attempt BETWEEN ? AND ?", ...attemptKeys(entry.key));
      this.db.run("DELETE FROM attempts WHERE key BETWEEN ? AND ?", ...attemptKeys(entry.key));
      this.db.run("DELETE FROM rollouts WHERE key = ?", entry.key);
      this.#entries.drop(entry);
      this.#seen.delete(entry);
    }
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
    const entry: Entry = {
      key,
      rollout,
      attempts,
      place,
      lastSequenceId,
      input: null,
      size,
      changed: null,
      saved,
    };
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
    this.#lastChange = null;
    this.#hasNews = false;
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

function nothing(): { ended: string[]; queued: number; deadline: number; foreign: boolean } {
  return { ended: [], queued: 0, deadline: Number.POSITIVE_INFINITY, foreign: false };
}
