// The memory store's records and what one change of them brings with it: queue, worker, rollout, waits, watchdog. Everything is
// synchronous, so a change is whole before anyone else runs.
import { LightningError } from "../base/error.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import {
  deadlineOf,
  hearFrom,
  isEnded,
  isQueued,
  moveAttempt,
  overdue,
  propagate,
  syncWorker,
} from "./life-cycle.js";
import { toAttempt, toWorker } from "./new-records.js";
import { notFound } from "./not-found.js";
import type { Bundles } from "./resources-binding.js";
import { createWaiters } from "./waiters.js";
import { createWatchdog } from "./watchdog.js";

export interface RolloutEntry {
  rollout: Rollout;
  /** By sequence id. */
  readonly attempts: Attempt[];
  readonly spans: Span[];
  /** Of each attempt. */
  readonly spanIds: Map<string, Set<string>>;
  lastSequenceId: number;
}

export class MemoryTables implements Bundles {
  readonly entries = new Map<string, RolloutEntry>();
  /** Rollout ids in the order in which they were queued. */
  readonly queue = new Set<string>();
  readonly workers = new Map<string, Worker>();
  /** Versions from 1. */
  readonly resources = new Map<string, ResourcesUpdate[]>();
  /** For the end of a rollout, by its id. */
  readonly waiters = createWaiters();
  /** Of claims for the queue, under the one key kQueue. */
  readonly claimers = createWaiters();
  /** Those with an attempt that may become overdue. */
  readonly #watched = new Set<RolloutEntry>();
  readonly #watchdog = createWatchdog(() => this.#scan());
  #latestResources: ResourcesUpdate | null = null;
  #closed = false;

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
  entryOf(who: string, rolloutId: string): RolloutEntry {
    return this.entries.get(rolloutId) ?? notFound(who, "rollout", rolloutId);
  }

  /** @throws E_NOT_FOUND */
  attemptOf(who: string, { attempts, rollout }: RolloutEntry, attemptId: string): Attempt {
    const found = attempts.findLast((attempt) => attemptId === "latest" || attempt.attemptId === attemptId);
    return found ?? notFound(who, `attempt of ${rollout.rolloutId}`, attemptId);
  }

  /** At most `limit`, oldest first; they stay in the queue until they change. */
  nextQueued(limit: number): RolloutEntry[] {
    const found: RolloutEntry[] = [];
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

  addRollout(rollout: Rollout): RolloutEntry {
    const entry = { rollout, attempts: [], spans: [], spanIds: new Map(), lastSequenceId: 0 };
    this.entries.set(rollout.rolloutId, entry);
    return entry;
  }

  setRollout(entry: RolloutEntry, rollout: Rollout): void {
    const before = entry.rollout.status;
    entry.rollout = rollout;
    if (!isQueued(rollout.status)) this.queue.delete(rollout.rolloutId);
    else {
      this.queue.add(rollout.rolloutId);
      // One rollout, one of those that wait; it waits again when somebody else was faster.
      this.claimers.settle(kQueue, 1);
    }
    if (isEnded(rollout.status) && !isEnded(before)) this.waiters.settle(rollout.rolloutId);
    // New limits may be due sooner.
    this.#watch(entry);
  }

  /** A new attempt, with the rollout preparing and the worker busy. */
  beginAttempt(entry: RolloutEntry, workerId: string | null, now: number): AttemptedRollout {
    const { rollout, attempts } = entry;
    const attempt = toAttempt(rollout.rolloutId, attempts.length + 1, workerId, now);
    attempts.push(attempt);
    this.#syncWorker(attempt, now);
    this.setRollout(entry, { ...rollout, status: "preparing", endTime: null });
    return { ...entry.rollout, attempt };
  }

  /** Puts the attempt in place of the one of its sequence id; the rollout follows its latest attempt. */
  setAttempt(entry: RolloutEntry, attempt: Attempt, now: number): Attempt {
    const index = attempt.sequenceId - 1;
    const before = entry.attempts[index] ?? attempt;
    entry.attempts[index] = attempt;
    if (before.status !== attempt.status || before.workerId !== attempt.workerId)
      this.#syncWorker(attempt, now);
    const isLatest = index === entry.attempts.length - 1;
    const rollout = isLatest ? propagate(entry.rollout, before.status, attempt, now) : entry.rollout;
    if (rollout === entry.rollout) this.#watch(entry);
    else this.setRollout(entry, rollout);
    return attempt;
  }

  /** Keeps spans and counts them as signs of life; null in place of one that was kept before. */
  addSpans(spans: readonly Span[], now: number): readonly (Span | null)[] {
    let heard: Attempt | undefined;
    return spans.map((span) => {
      const entry = this.entryOf("addSpans", span.rolloutId);
      const attempt = this.attemptOf("addSpans", entry, span.attemptId);
      if (attempt !== heard) heard = this.setAttempt(entry, hearFrom(attempt, now), now);
      return addSpan(entry, span);
    });
  }

  #syncWorker(attempt: Attempt, now: number): void {
    const { workerId } = attempt;
    if (workerId === null) return;
    this.workers.set(workerId, syncWorker(this.workers.get(workerId) ?? toWorker(workerId), attempt, now));
  }

  #watch(entry: RolloutEntry): void {
    const { config } = entry.rollout;
    let next = Number.POSITIVE_INFINITY;
    for (const attempt of entry.attempts) next = Math.min(next, deadlineOf(attempt, config));
    if (next === Number.POSITIVE_INFINITY) this.#watched.delete(entry);
    else this.#watched.add(entry);
    this.#watchdog.watch(next);
  }

  #scan(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#watched]) {
      for (const attempt of [...entry.attempts]) {
        const now = Date.now() / 1000;
        const verdict = overdue(attempt, entry.rollout.config, now);
        if (verdict !== null) this.setAttempt(entry, moveAttempt(attempt, verdict, now), now);
        else next = Math.min(next, deadlineOf(attempt, entry.rollout.config));
      }
    }
    return next;
  }
}

/** What claims wait for. */
export const kQueue = "queue";

// --- internal ---

function addSpan(entry: RolloutEntry, span: Span): Span | null {
  let spanIds = entry.spanIds.get(span.attemptId);
  if (spanIds === undefined) {
    spanIds = new Set();
    entry.spanIds.set(span.attemptId, spanIds);
  }
  if (spanIds.has(span.spanId)) return null;
  spanIds.add(span.spanId);
  entry.spans.push(span);
  entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
  return span;
}

function closedError(who: string): LightningError {
  return new LightningError("E_CLOSED", `store.${who}: the store was closed`);
}
