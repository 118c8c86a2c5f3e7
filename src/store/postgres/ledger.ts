// What one transaction has read and locked, and what it makes of it: rollouts with their attempts, workers, spans, resources. The
// life cycle's pure functions decide; nothing is written before the transaction's end. The rules are the memory store's.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { hearFrom, isEnded, isQueued } from "../life-cycle.js";
import { notFound } from "../not-found.js";
import type { BoundResources, Bundles } from "../resources-binding.js";
import { checkDeletable } from "../rollout-deletion.js";
import { attemptOf, type EntryTable, type RolloutEntry, setAttempt } from "../rollout-entry.js";
import { toKey } from "./text.js";

/** The rollout's input is undefined unless a change asked for it. */
export interface Entry extends RolloutEntry {
  lastSequenceId: number;
  /** "same": read and left alone. */
  state: "same" | "new" | "changed";
  inputChanged: boolean;
  /** `changes` tells of it. */
  isNews: boolean;
}

/** Of a bundle: its newest version. */
export interface KnownResources {
  readonly version: number;
  readonly createTime: number;
}

export interface SpanToKeep {
  readonly span: Span;
  readonly json: string;
}

/** What a ledger begins with. */
export type LedgerRead = Pick<
  Ledger,
  | "now"
  | "preparingSeconds"
  | "entries"
  | "queued"
  | "late"
  | "lateWorkers"
  | "spanKeys"
  | "resources"
  | "latestResourcesId"
>;

export class Ledger implements Bundles, EntryTable<Entry> {
  /** Unix seconds by the database's clock. */
  readonly now: number;
  readonly preparingSeconds: number;
  readonly entries: Map<string, Entry>;
  /** Locked for claims, in the queue's order; taken from the front, before anything else is applied. */
  readonly queued: Entry[];
  /** Locked for the watchdog. */
  readonly late: readonly Entry[];
  /** Those who have the late attempts, as they were last seen; not locked. */
  readonly lateWorkers: ReadonlyMap<string, Worker>;
  readonly resources: Map<string, KnownResources>;
  latestResourcesId: string | null;
  readonly newResources: ResourcesUpdate[] = [];
  /** Keys of those spans of the changes that are kept; grows with newSpans. */
  readonly spanKeys: Set<string>;
  readonly newSpans: SpanToKeep[] = [];
  readonly workerChanges: { readonly workerId: string; readonly change: (worker: Worker) => Worker }[] = [];
  readonly ended: string[] = [];
  /** Ids of rollouts. */
  readonly deleted: string[] = [];

  constructor(read: LedgerRead) {
    this.now = read.now;
    this.preparingSeconds = read.preparingSeconds;
    this.entries = read.entries;
    this.queued = read.queued;
    this.late = read.late;
    this.lateWorkers = read.lateWorkers;
    this.spanKeys = read.spanKeys;
    this.resources = read.resources;
    this.latestResourcesId = read.latestResourcesId;
  }

  /** @throws E_NOT_FOUND */
  entryOf(who: string, rolloutId: string): Entry {
    return this.entries.get(rolloutId) ?? notFound(who, "rollout", rolloutId);
  }

  newest(resourcesId: string): BoundResources | null {
    const known = this.resources.get(resourcesId);
    return known === undefined ? null : { resourcesId, version: known.version };
  }

  latest(): BoundResources | null {
    return this.latestResourcesId === null ? null : this.newest(this.latestResourcesId);
  }

  addRollout(rollout: Rollout): Entry {
    const entry: Entry = {
      rollout,
      attempts: [],
      lastSequenceId: 0,
      state: "new",
      inputChanged: false,
      isNews: true,
    };
    this.entries.set(rollout.rolloutId, entry);
    return entry;
  }

  setRollout(entry: Entry, rollout: Rollout): void {
    if (isEnded(rollout.status) && !isEnded(entry.rollout.status)) this.ended.push(rollout.rolloutId);
    entry.rollout = rollout;
    this.announce(entry);
    this.touch(entry);
  }

  announce(entry: Entry): void {
    entry.isNews = true;
  }

  /** Those of the ids that are kept; no other change of this transaction finds them. @throws E_STATE when one has not ended */
  deleteRollouts(rolloutIds: readonly string[]): void {
    const entries = rolloutIds.flatMap((id) => this.entries.get(id) ?? []);
    checkDeletable(entries.map(({ rollout }) => rollout));
    for (const { rollout } of entries) {
      this.entries.delete(rollout.rolloutId);
      this.deleted.push(rollout.rolloutId);
    }
  }

  /** Must be written. */
  touch(entry: Entry): void {
    if (entry.state === "same") entry.state = "changed";
  }

  findWorker(workerId: string): Worker | null {
    return this.lateWorkers.get(workerId) ?? null;
  }

  /** Keeps a span and counts it as a sign of life; false: it was kept before. */
  addSpan(span: Span, json: string): boolean {
    const entry = this.entryOf("addSpans", span.rolloutId);
    const attempt = attemptOf("addSpans", entry, span.attemptId);
    setAttempt(this, entry, hearFrom(attempt, this.now), this.now);
    const key = keyOfSpan(span);
    if (this.spanKeys.has(key)) return false;
    this.spanKeys.add(key);
    this.newSpans.push({ span, json });
    entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
    return true;
  }

  /** Applied in order, once the workers are locked. */
  changeWorker(workerId: string, change: (worker: Worker) => Worker): void {
    this.workerChanges.push({ workerId, change });
  }

  /** Also rollouts that stay queued: while they were locked, claims passed them over. */
  get leavesQueued(): boolean {
    return [...this.entries.values()].some(({ rollout }) => isQueued(rollout.status));
  }
}

/** Of a span within the store; its parts are the columns of the unique index, which hold no line end. */
export function keyOfSpan({ rolloutId, attemptId, spanId }: Span): string {
  return `${rolloutId}\n${toKey(attemptId)}\n${toKey(spanId)}`;
}
