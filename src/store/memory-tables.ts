// The memory store's records and what one change of them brings with it: queue, worker, rollout, waits, watchdog. Everything is
// synchronous, so a change is whole before anyone else runs.
import { wallClock } from "../base/clock.js";
import { LightningError } from "../base/error.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import { toChangeNumber } from "./cursor.js";
import { hearFrom, isEnded, isQueued } from "./life-cycle.js";
import { checkSpan, toWorker } from "./new-records.js";
import { notFound } from "./not-found.js";
import type { Bundles } from "./resources-binding.js";
import { checkDeletable } from "./rollout-deletion.js";
import {
  attemptOf,
  deadlineOfEntry,
  type EntryTable,
  endOverdue,
  type RolloutEntry,
  setAttempt,
} from "./rollout-entry.js";
import { SpanIdSet } from "./span-id-set.js";
import type { ChangedRollouts, StoreStatistics } from "./store-records.js";
import { createWaiters } from "./waiters.js";
import { createWatchdog } from "./watchdog.js";

export interface MemoryEntry extends RolloutEntry {
  readonly spans: Span[];
  /** Of each attempt. */
  readonly spanIds: Map<string, SpanIdSet>;
  lastSequenceId: number;
}

export class MemoryTables implements Bundles, EntryTable<MemoryEntry> {
  readonly preparingSeconds: number;
  readonly entries = new Map<string, MemoryEntry>();
  /** Rollout ids in the order in which they were queued. */
  readonly queue = new Set<string>();
  readonly workers = new Map<string, Worker>();
  /** Versions from 1. */
  readonly resources = new Map<string, ResourcesUpdate[]>();
  /** For the end of a rollout, by its id. */
  readonly waiters = createWaiters();
  /** Of claims for the queue, under the one key kQueue. */
  readonly claimers = createWaiters();
  /** Those with an attempt that may become overdue, and when. */
  readonly #watched = new Map<MemoryEntry, number>();
  /** By the last change, oldest first. */
  readonly #changed = new Map<MemoryEntry, number>();
  #lastChange = 0;
  readonly #watchdog = createWatchdog((isSetBack) => this.#scan(isSetBack));
  #latestResources: ResourcesUpdate | null = null;
  #closed = false;

  constructor(preparingSeconds: number) {
    this.preparingSeconds = preparingSeconds;
  }

  /** @throws E_CLOSED */
  checkOpen(who: string): void {
    if (this.#closed) throw closedError(who);
  }

  close(): void {
    this.#closed = true;
    this.#watchdog.close();
    this.waiters.close(closedError("waitForRollouts"));
    this.claimers.close(closedError("claim"));
  }

  /** @throws E_NOT_FOUND */
  entryOf(who: string, rolloutId: string): MemoryEntry {
    return this.entries.get(rolloutId) ?? notFound(who, "rollout", rolloutId);
  }

  /** At most `limit`, oldest first; they stay in the queue until they change. */
  nextQueued(limit: number): MemoryEntry[] {
    const found: MemoryEntry[] = [];
    for (const id of this.queue) {
      if (found.length >= limit) break;
      found.push(this.entryOf("claim", id));
    }
    return found;
  }

  /** The next version of its id; it becomes the latest. */
  addResources(update: ResourcesUpdate): void {
    const versions = this.resources.get(update.resourcesId);
    if (versions === undefined) this.resources.set(update.resourcesId, [update]);
    else versions.push(update);
    this.#latestResources = update;
  }

  newest(resourcesId: string): ResourcesUpdate | null {
    return this.resources.get(resourcesId)?.at(-1) ?? null;
  }

  latest(): ResourcesUpdate | null {
    return this.#latestResources;
  }

  addRollout(rollout: Rollout): MemoryEntry {
    const entry = { rollout, attempts: [], spans: [], spanIds: new Map(), lastSequenceId: 0 };
    this.entries.set(rollout.rolloutId, entry);
    return entry;
  }

  setRollout(entry: MemoryEntry, rollout: Rollout): void {
    const before = entry.rollout.status;
    entry.rollout = rollout;
    if (!isQueued(rollout.status)) this.queue.delete(rollout.rolloutId);
    else {
      this.queue.add(rollout.rolloutId);
      // One rollout, one of those that wait; it waits again when somebody else was faster.
      this.claimers.settle(kQueue, 1);
    }
    if (isEnded(rollout.status) && !isEnded(before)) this.waiters.settle(rollout.rolloutId);
    this.announce(entry);
    // New limits may be due sooner.
    this.touch(entry);
  }

  /** All or none; ids that are not kept are passed over. @throws E_STATE when a rollout has not ended */
  deleteRollouts(rolloutIds: readonly string[]): void {
    const entries = rolloutIds.flatMap((id) => this.entries.get(id) ?? []);
    checkDeletable(entries.map(({ rollout }) => rollout));
    for (const entry of entries) {
      this.#changed.delete(entry);
      this.entries.delete(entry.rollout.rolloutId);
      this.#watched.delete(entry);
    }
  }

  announce(entry: MemoryEntry): void {
    this.#lastChange++;
    this.#changed.delete(entry);
    this.#changed.set(entry, this.#lastChange);
  }

  /** At most `limit` that changed after the cursor. @throws E_ARGUMENT */
  changesSince(since: string | undefined, limit: number): ChangedRollouts {
    let cursor = toChangeNumber(since, this.#lastChange);
    const items: (Rollout | AttemptedRollout)[] = [];
    for (const [entry, change] of this.#changed) {
      if (change <= cursor) continue;
      if (items.length === limit) return { items, cursor: String(cursor) };
      items.push(withAttempt(entry));
      cursor = change;
    }
    return { items, cursor: String(this.#lastChange) };
  }

  counts(): Omit<StoreStatistics, "name" | "uptimeSeconds"> {
    const all = [...this.entries.values()];
    return {
      rollouts: all.length,
      attempts: all.reduce((sum, { attempts }) => sum + attempts.length, 0),
      spans: all.reduce((sum, { spans }) => sum + spans.length, 0),
      resources: this.resources.size,
      workers: this.workers.size,
    };
  }

  /** Watches it for as long as something of it may become overdue. */
  touch(entry: MemoryEntry): void {
    const next = deadlineOfEntry(entry, this.preparingSeconds);
    if (next === Number.POSITIVE_INFINITY) this.#watched.delete(entry);
    else this.#watched.set(entry, next);
    this.#watchdog.watch(next);
  }

  findWorker(workerId: string): Worker | null {
    return this.workers.get(workerId) ?? null;
  }

  changeWorker(workerId: string, change: (worker: Worker) => Worker): void {
    this.workers.set(workerId, change(this.workers.get(workerId) ?? toWorker(workerId)));
  }

  /** All or, when it throws, none; null in place of one that was kept before. Spans are signs of life. */
  addSpans(spans: readonly Span[], now: number): readonly (Span | null)[] {
    this.#checkSpans(spans);
    let neighbour: Span | undefined;
    let place: SpanPlace | undefined;
    return spans.map((span) => {
      if (place === undefined || !isOfSameAttempt(span, neighbour)) place = this.#hear(span, now);
      neighbour = span;
      return addSpan(place, span);
    });
  }

  /** @throws E_NOT_FOUND, E_ARGUMENT */
  #checkSpans(spans: readonly Span[]): void {
    let neighbour: Span | undefined;
    for (const span of spans) {
      if (!isOfSameAttempt(span, neighbour))
        attemptOf("addSpans", this.entryOf("addSpans", span.rolloutId), span.attemptId);
      checkSpan(span);
      neighbour = span;
    }
  }

  /** A sign of life of the span's attempt. @returns where its spans lie */
  #hear({ rolloutId, attemptId }: Span, now: number): SpanPlace {
    const entry = this.entryOf("addSpans", rolloutId);
    const attempt = attemptOf("addSpans", entry, attemptId);
    setAttempt(this, entry, hearFrom(attempt, now), now);
    const spanIds = entry.spanIds.get(attemptId) ?? new SpanIdSet();
    entry.spanIds.set(attemptId, spanIds);
    return { entry, spanIds };
  }

  #scan(isSetBack: boolean): number {
    const now = wallClock.now() / 1000;
    for (const [entry, deadline] of [...this.#watched])
      if (isSetBack || deadline < now) endOverdue(this, entry, now);
    let next = Number.POSITIVE_INFINITY;
    for (const deadline of this.#watched.values()) next = Math.min(next, deadline);
    return next;
  }
}

/** What claims wait for. */
export const kQueue = "queue";

export function withAttempt({ rollout, attempts }: MemoryEntry): Rollout | AttemptedRollout {
  const attempt = attempts.at(-1);
  return attempt === undefined ? rollout : { ...rollout, attempt };
}

// --- internal ---

/** Of the spans of one attempt. */
interface SpanPlace {
  readonly entry: MemoryEntry;
  readonly spanIds: SpanIdSet;
}

function isOfSameAttempt(span: Span, other: Span | undefined): boolean {
  return span.rolloutId === other?.rolloutId && span.attemptId === other.attemptId;
}

function addSpan({ entry, spanIds }: SpanPlace, span: Span): Span | null {
  if (!spanIds.add(span.spanId)) return null;
  entry.spans.push(span);
  entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
  return span;
}

function closedError(who: string): LightningError {
  return new LightningError("E_CLOSED", `store.${who}: the store was closed`);
}
