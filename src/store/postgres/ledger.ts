// What one transaction has read and locked, and what it makes of it: rollouts with their attempts, workers, spans, resources. The
// life cycle's pure functions decide; nothing is written before the transaction's end. The rules are the memory store's.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { hearFrom, isEnded, isQueued, propagate, syncWorker } from "../life-cycle.js";
import { toAttempt } from "../new-records.js";
import { notFound } from "../not-found.js";
import type { BoundResources, Bundles } from "../resources-binding.js";
import { toKey } from "./text.js";

export interface Entry {
  /** Its input is undefined unless a change asked for it. */
  rollout: Rollout;
  /** By sequence id. */
  readonly attempts: Attempt[];
  lastSequenceId: number;
  /** "same": read and left alone. */
  state: "same" | "new" | "changed";
  inputChanged: boolean;
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
  "now" | "entries" | "queued" | "late" | "spanKeys" | "resources" | "latestResourcesId"
>;

export class Ledger implements Bundles {
  /** Unix seconds by the database's clock. */
  readonly now: number;
  readonly entries: Map<string, Entry>;
  /** Locked for claims, in the queue's order; taken from the front, before anything else is applied. */
  readonly queued: Entry[];
  /** Locked for the watchdog. */
  readonly late: readonly Entry[];
  readonly resources: Map<string, KnownResources>;
  latestResourcesId: string | null;
  readonly newResources: ResourcesUpdate[] = [];
  /** Keys of those spans of the changes that are kept; grows with newSpans. */
  readonly spanKeys: Set<string>;
  readonly newSpans: SpanToKeep[] = [];
  readonly workerChanges: { readonly workerId: string; readonly change: (worker: Worker) => Worker }[] = [];
  readonly ended: string[] = [];

  constructor(read: LedgerRead) {
    this.now = read.now;
    this.entries = read.entries;
    this.queued = read.queued;
    this.late = read.late;
    this.spanKeys = read.spanKeys;
    this.resources = read.resources;
    this.latestResourcesId = read.latestResourcesId;
  }

  /** @throws E_NOT_FOUND */
  entryOf(who: string, rolloutId: string): Entry {
    return this.entries.get(rolloutId) ?? notFound(who, "rollout", rolloutId);
  }

  /** @throws E_NOT_FOUND */
  attemptOf(who: string, { attempts, rollout }: Entry, attemptId: string): Attempt {
    const found = attempts.findLast((attempt) => attemptId === "latest" || attempt.attemptId === attemptId);
    return found ?? notFound(who, `attempt of ${rollout.rolloutId}`, attemptId);
  }

  newest(resourcesId: string): BoundResources | null {
    const known = this.resources.get(resourcesId);
    return known === undefined ? null : { resourcesId, version: known.version };
  }

  latest(): BoundResources | null {
    return this.latestResourcesId === null ? null : this.newest(this.latestResourcesId);
  }

  addRollout(rollout: Rollout): Entry {
    const entry: Entry = { rollout, attempts: [], lastSequenceId: 0, state: "new", inputChanged: false };
    this.entries.set(rollout.rolloutId, entry);
    return entry;
  }

  setRollout(entry: Entry, rollout: Rollout): void {
    if (isEnded(rollout.status) && !isEnded(entry.rollout.status)) this.ended.push(rollout.rolloutId);
    entry.rollout = rollout;
    touch(entry);
  }

  /** A new attempt, with the rollout preparing and the worker busy. */
  beginAttempt(entry: Entry, workerId: string | null): AttemptedRollout {
    const { rollout, attempts } = entry;
    const attempt = toAttempt(rollout.rolloutId, attempts.length + 1, workerId, this.now);
    attempts.push(attempt);
    this.#syncWorker(attempt);
    this.setRollout(entry, { ...rollout, status: "preparing", endTime: null });
    return { ...entry.rollout, attempt };
  }

  /** Puts the attempt in place of the one of its sequence id; the rollout follows its latest attempt. */
  setAttempt(entry: Entry, attempt: Attempt): Attempt {
    const index = attempt.sequenceId - 1;
    const before = entry.attempts[index] ?? attempt;
    entry.attempts[index] = attempt;
    touch(entry);
    if (before.status !== attempt.status || before.workerId !== attempt.workerId) this.#syncWorker(attempt);
    if (index === entry.attempts.length - 1)
      this.setRollout(entry, propagate(entry.rollout, before.status, attempt, this.now));
    return attempt;
  }

  /** Keeps a span and counts it as a sign of life; false: it was kept before. */
  addSpan(span: Span, json: string): boolean {
    const entry = this.entryOf("addSpans", span.rolloutId);
    const attempt = this.attemptOf("addSpans", entry, span.attemptId);
    this.setAttempt(entry, hearFrom(attempt, this.now));
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

  #syncWorker(attempt: Attempt): void {
    const { workerId } = attempt;
    if (workerId !== null) this.changeWorker(workerId, (worker) => syncWorker(worker, attempt, this.now));
  }
}

/** Of a span within the store; its parts are the columns of the unique index, which hold no line end. */
export function keyOfSpan({ rolloutId, attemptId, spanId }: Span): string {
  return `${rolloutId}\n${toKey(attemptId)}\n${toKey(spanId)}`;
}

/** Must be written. */
export function touch(entry: Entry): void {
  if (entry.state === "same") entry.state = "changed";
}
