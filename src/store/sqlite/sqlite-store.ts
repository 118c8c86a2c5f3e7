// A store in one SQLite file, shared by any number of processes of a machine. Every change runs inside a write transaction, from the
// reading of what it changes to its commit, so that the life cycle's pure functions decide alone.
import { checkInteger } from "../../base/check.js";
import { performance, wallClock } from "../../base/clock.js";
import type { Resources, ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Attributes, Span } from "../../types/span.js";
import { checkMostChanges, kMostChanges } from "../cursor.js";
import { changeAttempt, changeRollout, moveRollout } from "../life-cycle.js";
import type { Listings, StoreListings } from "../listings.js";
import { matchesResources, matchesWorker } from "../matches.js";
import {
  checkConfig,
  checkId,
  checkMode,
  checkResources,
  checkSpan,
  checkWorkerId,
  newId,
  toWorker,
} from "../new-records.js";
import { notFound } from "../not-found.js";
import { sortFields, toPage } from "../paging.js";
import { bindChanges } from "../resources-binding.js";
import { attemptOf, beginAttempt, claimEntry, setAttempt, startAttempt } from "../rollout-entry.js";
import type { LightningStore } from "../store.js";
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
} from "../store-records.js";
import type { StoreTransfer, TransferBatch } from "../transfer-contract.js";
import { toTimeoutMs } from "../waiters.js";
import { type Backend, kQueue } from "./backend.js";
import { importIntoSqlite } from "./import.js";
import { sqliteListings } from "./listing.js";
import { allResources, allWorkers, changesSince, countRows, queryRollouts, querySpans } from "./queries.js";
import { claimQueued, toInput, toRecord } from "./queue.js";
import { addVersion, bundlesOf, getResources, latestResources } from "./resources.js";
import { toJson } from "./rows.js";
import { addSpans, nextSequenceId } from "./spans.js";
import type { Tables } from "./tables.js";
import { waitForRollouts } from "./wait-for-rollouts.js";

export class SqliteStore implements LightningStore, StoreTransfer, StoreListings {
  readonly #backend: Backend;
  readonly listings: Listings = sqliteListings((who, work) => this.#query(who, work));
  readonly #openTime = performance.now();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  async enqueue(rollouts: readonly NewRollout[]): Promise<readonly Rollout[]> {
    const inputs = rollouts.map((fields) => toInput("enqueue", fields));
    return this.#write("enqueue", (tables) => {
      const records = rollouts.map((fields) => toRecord(tables, "enqueue", fields));
      for (const [index, record] of records.entries()) tables.addRollout(record, inputs[index] ?? null);
      return records;
    });
  }

  async claim(
    workerId: string | null,
    limit = 1,
    options: WaitOptions = { timeoutMs: 0 },
  ): Promise<readonly AttemptedRollout[]> {
    const { signal } = options;
    const deadline = performance.now() + toTimeoutMs("claim", options);
    checkInteger("store.claim", "limit", limit);
    checkWorkerId("claim", workerId);
    signal?.throwIfAborted();
    for (;;) {
      const claimed = await this.#write("claim", (tables) => claimQueued(tables, workerId, limit));
      const leftMs = deadline - performance.now();
      if (limit <= 0 || claimed.length > 0 || leftMs <= 0) return claimed;
      await this.#backend.wait(this.#backend.claimers, kQueue, { timeoutMs: leftMs, signal });
    }
  }

  async claimRollout(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    checkWorkerId("claimRollout", workerId);
    return this.#write("claimRollout", (tables) =>
      claimEntry(tables, tables.entryOf("claimRollout", rolloutId), workerId, now()),
    );
  }

  async startRollout(rollout: NewRollout, workerId: string | null = null): Promise<AttemptedRollout> {
    const input = toInput("startRollout", rollout);
    checkWorkerId("startRollout", workerId);
    return this.#write("startRollout", (tables) => {
      const record = toRecord(tables, "startRollout", rollout);
      return beginAttempt(tables, tables.addRollout(record, input), workerId, now());
    });
  }

  async startAttempt(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    checkWorkerId("startAttempt", workerId);
    return this.#write("startAttempt", (tables) =>
      startAttempt(tables, tables.entryOf("startAttempt", rolloutId), workerId, now()),
    );
  }

  async getRollout(rolloutId: string): Promise<Rollout | AttemptedRollout> {
    return this.#look("getRollout", (tables) => {
      const { rollout, attempts } = tables.entryOf("getRollout", rolloutId);
      const attempt = attempts.at(-1);
      return attempt === undefined ? rollout : { ...rollout, attempt };
    });
  }

  async queryRollouts(query: RolloutQuery = {}): Promise<Page<Rollout | AttemptedRollout>> {
    return this.#query("queryRollouts", ({ db }) => queryRollouts(db, query));
  }

  async updateRollout(rolloutId: string, changes: RolloutChanges): Promise<Rollout> {
    if (changes.mode !== undefined) checkMode("store.updateRollout", changes.mode);
    if (changes.config !== undefined) checkConfig("store.updateRollout", changes.config);
    toJson("updateRollout", "the changes", changes);
    return this.#write("updateRollout", (tables) => {
      const entry = tables.entryOf("updateRollout", rolloutId);
      const bound = bindChanges("updateRollout", changes, bundlesOf(tables.db));
      tables.setRollout(entry, changeRollout(entry.rollout, bound, now()));
      return entry.rollout;
    });
  }

  async cancel(rolloutId: string): Promise<Rollout> {
    return this.#write("cancel", (tables) => {
      const entry = tables.entryOf("cancel", rolloutId);
      tables.setRollout(entry, moveRollout(entry.rollout, "cancelled", now()));
      return entry.rollout;
    });
  }

  async deleteRollouts(rolloutIds: readonly string[]): Promise<void> {
    await this.#write("deleteRollouts", (tables) => tables.deleteRollouts(rolloutIds));
  }

  async changes(since?: string, limit = kMostChanges): Promise<ChangedRollouts> {
    checkMostChanges(limit);
    return this.#query("changes", (tables) => changesSince(tables, since, limit));
  }

  async waitForRollouts(
    rolloutIds: readonly string[],
    options: WaitOptions = {},
  ): Promise<readonly Rollout[]> {
    return waitForRollouts(this.#backend, rolloutIds, options);
  }

  async getLatestAttempt(rolloutId: string): Promise<Attempt | null> {
    return this.#look("getLatestAttempt", (tables) => {
      return tables.entryOf("getLatestAttempt", rolloutId).attempts.at(-1) ?? null;
    });
  }

  async queryAttempts(rolloutId: string, query: AttemptQuery = {}): Promise<Page<Attempt>> {
    return this.#look("queryAttempts", (tables) => {
      const { attempts } = tables.entryOf("queryAttempts", rolloutId);
      return toPage("store.queryAttempts", attempts, query, sortFields.attempt);
    });
  }

  async updateAttempt(rolloutId: string, attemptId: string, changes: AttemptChanges): Promise<Attempt> {
    checkWorkerId("updateAttempt", changes.workerId);
    toJson("updateAttempt", "metadata", changes.metadata);
    return this.#write("updateAttempt", (tables) => {
      const entry = tables.entryOf("updateAttempt", rolloutId);
      const attempt = attemptOf("updateAttempt", entry, attemptId);
      const time = now();
      return setAttempt(tables, entry, changeAttempt(attempt, changes, time), time);
    });
  }

  async addSpans(spans: readonly Span[]): Promise<readonly (Span | null)[]> {
    const bodies = spans.map((span) => toJson("addSpans", "the span", span));
    return this.#write("addSpans", (tables) => {
      for (const span of spans) {
        attemptOf("addSpans", tables.entryOf("addSpans", span.rolloutId), span.attemptId);
        checkSpan(span);
      }
      return addSpans(tables, spans, bodies, now());
    });
  }

  async nextSequenceId(rolloutId: string): Promise<number> {
    return this.#write("nextSequenceId", (tables) =>
      nextSequenceId(tables, tables.entryOf("nextSequenceId", rolloutId)),
    );
  }

  async querySpans(rolloutId: string, query: SpanQuery = {}): Promise<Page<Span>> {
    return this.#query("querySpans", (tables) =>
      querySpans(tables.db, tables.entryOf("querySpans", rolloutId), query),
    );
  }

  async addResources(resources: Resources): Promise<ResourcesUpdate> {
    return this.updateResources(newId("rs"), resources);
  }

  async updateResources(resourcesId: string, resources: Resources): Promise<ResourcesUpdate> {
    checkId("store.updateResources", "resourcesId", resourcesId);
    checkResources("store.updateResources", resources);
    toJson("updateResources", "resources", resources);
    return this.#write("updateResources", ({ db }) => addVersion(db, resourcesId, resources, now()));
  }

  async getResources(resourcesId: string, version?: number): Promise<ResourcesUpdate> {
    return this.#look("getResources", ({ db }) => getResources(db, "getResources", resourcesId, version));
  }

  async getLatestResources(): Promise<ResourcesUpdate | null> {
    return this.#look("getLatestResources", ({ db }) => latestResources(db));
  }

  async queryResources(query: ResourcesQuery = {}): Promise<Page<ResourcesUpdate>> {
    return this.#query("queryResources", ({ db }) => {
      const matched = allResources(db).filter((update) => matchesResources(update, query));
      return toPage("store.queryResources", matched, query, sortFields.resources);
    });
  }

  async heartbeat(workerId: string, stats?: Attributes): Promise<Worker> {
    checkId("store.heartbeat", "workerId", workerId);
    toJson("heartbeat", "stats", stats);
    return this.#write("heartbeat", (tables) => {
      const known = tables.workers.find(workerId) ?? toWorker(workerId);
      const heartbeatStats = stats ?? known.heartbeatStats;
      return tables.workers.set({ ...known, lastHeartbeatTime: now(), heartbeatStats });
    });
  }

  async getWorker(workerId: string): Promise<Worker> {
    return this.#look(
      "getWorker",
      (tables) => tables.workers.find(workerId) ?? notFound("getWorker", "worker", workerId),
    );
  }

  async queryWorkers(query: WorkerQuery = {}): Promise<Page<Worker>> {
    return this.#query("queryWorkers", ({ db }) => {
      const matched = allWorkers(db).filter((worker) => matchesWorker(worker, query));
      return toPage("store.queryWorkers", matched, query, sortFields.worker);
    });
  }

  async statistics(): Promise<StoreStatistics> {
    const counts = await this.#query("statistics", ({ db }) => countRows(db));
    return { name: "sqlite", ...counts, uptimeSeconds: (performance.now() - this.#openTime) / 1000 };
  }

  async importRecords(batch: TransferBatch): Promise<void> {
    await this.#write("importRecords", (tables) => importIntoSqlite(tables, batch));
  }

  async probe(): Promise<void> {
    await this.#write("probe", ({ db }) => db.run("UPDATE clock SET changed = changed"));
  }

  close(): Promise<void> {
    return this.#backend.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write<T>(who: string, work: (tables: Tables) => T): Promise<T> {
    return this.#backend.run(who, "write", work);
  }

  #look<T>(who: string, work: (tables: Tables) => T): Promise<T> {
    return this.#backend.run(who, "look", work);
  }

  #query<T>(who: string, work: (tables: Tables) => T): Promise<T> {
    return this.#backend.run(who, "query", work);
  }
}

// --- internal ---

function now(): number {
  return wallClock.now() / 1000;
}
