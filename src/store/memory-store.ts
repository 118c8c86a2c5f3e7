// A store in this process's memory: nothing survives it, nothing is copied (records are read-only by contract).
// The watchdog is a timer of its own, and waits end by events, not by looking again.
import { checkInteger } from "../base/check.js";
import { performance, wallClock } from "../base/clock.js";
import { checkOptions } from "../base/options.js";
import type { Resources, ResourcesUpdate } from "../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import type { Attributes, Span } from "../types/span.js";
import { checkMostChanges, kMostChanges } from "./cursor.js";
import { changeAttempt, changeRollout, isEnded, moveRollout } from "./life-cycle.js";
import type { Listings, StoreListings } from "./listings.js";
import { matchesResources, matchesRollout, matchesSpan, matchesWorker } from "./matches.js";
import { memoryListings } from "./memory-listings.js";
import { kQueue, MemoryTables, withAttempt } from "./memory-tables.js";
import { checkRolloutFilters } from "./metadata-filter.js";
import {
  checkConfig,
  checkId,
  checkMode,
  checkResources,
  checkWorkerId,
  newId,
  toRollout,
  toWorker,
} from "./new-records.js";
import { notFound } from "./not-found.js";
import { sortFields, toPage } from "./paging.js";
import { type PreparingOptions, toPreparingSeconds } from "./preparing-limit.js";
import { bindChanges, bindNew } from "./resources-binding.js";
import {
  attemptOf,
  beginAttempt,
  claimEntries,
  claimEntry,
  setAttempt,
  startAttempt,
} from "./rollout-entry.js";
import type { LightningStore } from "./store.js";
import type {
  AttemptChanges,
  AttemptQuery,
  ChangedRollouts,
  NewRollout,
  Page,
  ResourcesQuery,
  RolloutChanges,
  RolloutQuery,
  SpanQuery,
  StoreStatistics,
  WaitOptions,
  WorkerQuery,
} from "./store-records.js";
import type { StoreTransfer, TransferBatch } from "./transfer-contract.js";
import { importIntoMemory } from "./transfer-memory.js";
import { toTimeoutMs } from "./waiters.js";

/** An empty store that lives until it is closed or forgotten. */
export function createMemoryStore(options: PreparingOptions = {}): LightningStore {
  checkOptions<PreparingOptions>("createMemoryStore", options, { preparingSeconds: [] });
  return new MemoryStore(toPreparingSeconds("createMemoryStore", options));
}

// --- internal ---

class MemoryStore implements LightningStore, StoreTransfer, StoreListings {
  readonly #tables: MemoryTables;
  readonly listings: Listings = memoryListings((who) => this.#open(who));
  readonly #openTime = performance.now();

  constructor(preparingSeconds: number) {
    this.#tables = new MemoryTables(preparingSeconds);
  }

  async enqueue(rollouts: readonly NewRollout[]): Promise<readonly Rollout[]> {
    const tables = this.#open("enqueue");
    const records = rollouts.map((fields) => this.#toRollout("enqueue", fields));
    for (const record of records) tables.setRollout(tables.addRollout(record), record);
    return records;
  }

  async claim(
    workerId: string | null,
    limit = 1,
    options: WaitOptions = { timeoutMs: 0 },
  ): Promise<readonly AttemptedRollout[]> {
    const { claimers } = this.#open("claim", workerId);
    checkInteger("store.claim", "limit", limit);
    const deadline = performance.now() + toTimeoutMs("claim", options);
    if (limit <= 0) return [];
    options.signal?.throwIfAborted();
    for (;;) {
      const claimed = this.#claimQueued(workerId, limit);
      const timeoutMs = deadline - performance.now();
      if (claimed.length > 0 || timeoutMs <= 0) return claimed;
      await claimers.wait([kQueue], { timeoutMs, signal: options.signal });
    }
  }

  async claimRollout(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    const tables = this.#open("claimRollout", workerId);
    return claimEntry(tables, tables.entryOf("claimRollout", rolloutId), workerId, now());
  }

  async startRollout(rollout: NewRollout, workerId: string | null = null): Promise<AttemptedRollout> {
    const tables = this.#open("startRollout", workerId);
    const record = this.#toRollout("startRollout", rollout);
    return beginAttempt(tables, tables.addRollout(record), workerId, now());
  }

  async startAttempt(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    const tables = this.#open("startAttempt", workerId);
    return startAttempt(tables, tables.entryOf("startAttempt", rolloutId), workerId, now());
  }

  async getRollout(rolloutId: string): Promise<Rollout | AttemptedRollout> {
    return withAttempt(this.#open("getRollout").entryOf("getRollout", rolloutId));
  }

  async queryRollouts(query: RolloutQuery = {}): Promise<Page<Rollout | AttemptedRollout>> {
    const entries = [...this.#open("queryRollouts").entries.values()];
    checkRolloutFilters("store.queryRollouts", query);
    const matched = entries.filter(({ rollout }) => matchesRollout(rollout, query)).map(withAttempt);
    return toPage("store.queryRollouts", matched, query, sortFields.rollout);
  }

  async updateRollout(rolloutId: string, changes: RolloutChanges): Promise<Rollout> {
    const tables = this.#open("updateRollout");
    const entry = tables.entryOf("updateRollout", rolloutId);
    if (changes.mode !== undefined) checkMode("store.updateRollout", changes.mode);
    if (changes.config !== undefined) checkConfig("store.updateRollout", changes.config);
    const bound = bindChanges("updateRollout", changes, tables);
    tables.setRollout(entry, changeRollout(entry.rollout, bound, now()));
    return entry.rollout;
  }

  async cancel(rolloutId: string): Promise<Rollout> {
    const tables = this.#open("cancel");
    const entry = tables.entryOf("cancel", rolloutId);
    tables.setRollout(entry, moveRollout(entry.rollout, "cancelled", now()));
    return entry.rollout;
  }

  async deleteRollouts(rolloutIds: readonly string[]): Promise<void> {
    this.#open("deleteRollouts").deleteRollouts(rolloutIds);
  }

  async changes(since?: string, limit = kMostChanges): Promise<ChangedRollouts> {
    return this.#open("changes").changesSince(since, checkMostChanges(limit));
  }

  async waitForRollouts(
    rolloutIds: readonly string[],
    options: WaitOptions = {},
  ): Promise<readonly Rollout[]> {
    const tables = this.#open("waitForRollouts");
    const entries = [...new Set(rolloutIds)].map((id) => tables.entryOf("waitForRollouts", id));
    const deadline = performance.now() + toTimeoutMs("waitForRollouts", options);
    const ended = () => entries.map(({ rollout }) => rollout).filter(({ status }) => isEnded(status));
    // One that ended may have been queued again while the others were waited for.
    for (;;) {
      const open = entries.filter(({ rollout }) => !isEnded(rollout.status));
      const timeoutMs = deadline - performance.now();
      if (open.length === 0 || timeoutMs <= 0) return ended();
      const ids = open.map(({ rollout }) => rollout.rolloutId);
      await tables.waiters.wait(ids, { timeoutMs, signal: options.signal });
    }
  }

  async getLatestAttempt(rolloutId: string): Promise<Attempt | null> {
    return this.#open("getLatestAttempt").entryOf("getLatestAttempt", rolloutId).attempts.at(-1) ?? null;
  }

  async queryAttempts(rolloutId: string, query: AttemptQuery = {}): Promise<Page<Attempt>> {
    const { attempts } = this.#open("queryAttempts").entryOf("queryAttempts", rolloutId);
    return toPage("store.queryAttempts", attempts, query, sortFields.attempt);
  }

  async updateAttempt(rolloutId: string, attemptId: string, changes: AttemptChanges): Promise<Attempt> {
    const tables = this.#open("updateAttempt", changes.workerId);
    const entry = tables.entryOf("updateAttempt", rolloutId);
    const attempt = attemptOf("updateAttempt", entry, attemptId);
    const time = now();
    return setAttempt(tables, entry, changeAttempt(attempt, changes, time), time);
  }

  async addSpans(spans: readonly Span[]): Promise<readonly (Span | null)[]> {
    return this.#open("addSpans").addSpans(spans, now());
  }

  async nextSequenceId(rolloutId: string): Promise<number> {
    const entry = this.#open("nextSequenceId").entryOf("nextSequenceId", rolloutId);
    entry.lastSequenceId++;
    return entry.lastSequenceId;
  }

  async querySpans(rolloutId: string, query: SpanQuery = {}): Promise<Page<Span>> {
    const entry = this.#open("querySpans").entryOf("querySpans", rolloutId);
    const attemptId = query.attemptId === "latest" ? entry.attempts.at(-1)?.attemptId : query.attemptId;
    if (query.attemptId !== undefined && attemptId === undefined)
      return toPage("store.querySpans", [], query, sortFields.span);
    const ofAttempt = entry.spans.filter((span) => attemptId === undefined || span.attemptId === attemptId);
    const matched = ofAttempt.filter((span) => matchesSpan(span, query));
    const sorted: SpanQuery = { sortBy: "sequenceId", ...query };
    return toPage("store.querySpans", matched, sorted, sortFields.span);
  }

  async addResources(resources: Resources): Promise<ResourcesUpdate> {
    return this.updateResources(newId("rs"), resources);
  }

  async updateResources(resourcesId: string, resources: Resources): Promise<ResourcesUpdate> {
    const tables = this.#open("updateResources");
    checkId("store.updateResources", "resourcesId", resourcesId);
    checkResources("store.updateResources", resources);
    const versions = tables.resources.get(resourcesId) ?? [];
    const updateTime = now();
    const createTime = versions[0]?.createTime ?? updateTime;
    const update = { resourcesId, version: versions.length + 1, createTime, updateTime, resources };
    tables.addResources(update);
    return update;
  }

  async getResources(resourcesId: string, version?: number): Promise<ResourcesUpdate> {
    const versions = this.#versionsOf("getResources", resourcesId);
    const found = version === undefined ? versions.at(-1) : versions[version - 1];
    return found ?? notFound("getResources", "resources", `${resourcesId}, version ${version}`);
  }

  async getLatestResources(): Promise<ResourcesUpdate | null> {
    return this.#open("getLatestResources").latest();
  }

  async queryResources(query: ResourcesQuery = {}): Promise<Page<ResourcesUpdate>> {
    const versions = [...this.#open("queryResources").resources.values()];
    const matched = versions
      .flatMap((all) => all.slice(-1))
      .filter((update) => matchesResources(update, query));
    return toPage("store.queryResources", matched, query, sortFields.resources);
  }

  async heartbeat(workerId: string, stats?: Attributes): Promise<Worker> {
    const { workers } = this.#open("heartbeat");
    const known = workers.get(checkId("store.heartbeat", "workerId", workerId)) ?? toWorker(workerId);
    const heartbeatStats = stats ?? known.heartbeatStats;
    const worker: Worker = { ...known, lastHeartbeatTime: now(), heartbeatStats };
    workers.set(workerId, worker);
    return worker;
  }

  async getWorker(workerId: string): Promise<Worker> {
    return this.#open("getWorker").workers.get(workerId) ?? notFound("getWorker", "worker", workerId);
  }

  async queryWorkers(query: WorkerQuery = {}): Promise<Page<Worker>> {
    const workers = [...this.#open("queryWorkers").workers.values()];
    const matched = workers.filter((worker) => matchesWorker(worker, query));
    return toPage("store.queryWorkers", matched, query, sortFields.worker);
  }

  async statistics(): Promise<StoreStatistics> {
    const counts = this.#open("statistics").counts();
    return { name: "memory", ...counts, uptimeSeconds: (performance.now() - this.#openTime) / 1000 };
  }

  async importRecords(batch: TransferBatch): Promise<void> {
    importIntoMemory(this.#open("importRecords"), batch);
  }

  async close(): Promise<void> {
    this.#tables.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(who: string, workerId?: string | null): MemoryTables {
    this.#tables.checkOpen(who);
    checkWorkerId(who, workerId);
    return this.#tables;
  }

  #versionsOf(who: string, resourcesId: string): readonly ResourcesUpdate[] {
    return this.#open(who).resources.get(resourcesId) ?? notFound(who, "resources", resourcesId);
  }

  #toRollout(who: string, fields: NewRollout): Rollout {
    return toRollout(`store.${who}`, fields, bindNew(who, fields, this.#open(who)), now());
  }

  #claimQueued(workerId: string | null, limit: number): readonly AttemptedRollout[] {
    const tables = this.#open("claim");
    return claimEntries(tables, tables.nextQueued(limit), workerId, now());
  }
}

const now = (): number => wallClock.now() / 1000;
