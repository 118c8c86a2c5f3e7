// A store in a PostgreSQL database, which any number of machines may share. Changes go through one writer in transactions that hold
// the rollouts' row locks (transaction.ts); what happens elsewhere is heard by LISTEN; times are those of the database's clock.
import { checkInteger } from "../../base/check.js";
import { performance } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import type { Resources, ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Attributes, Span } from "../../types/span.js";
import { checkMostChanges, kMostChanges } from "../cursor.js";
import { isEnded } from "../life-cycle.js";
import type { Listings, StoreListings } from "../listings.js";
import { checkWorkerId, newId } from "../new-records.js";
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
import * as changes from "./changes.js";
import { changesSince } from "./changes-since.js";
import type { Database, DatabaseOptions } from "./database.js";
import { deleteRollouts } from "./deletion.js";
import { fromPayload } from "./events.js";
import { channelOf, quoteIdentifier } from "./identifier.js";
import { importRecords } from "./import-records.js";
import { createListener, type Listener } from "./listener.js";
import { postgresListings } from "./listing.js";
import { createPulse, type Pulse } from "./pulse.js";
import * as queries from "./queries.js";
import { type Statements, toStatements } from "./sql.js";
import { createWaits, type Waits } from "./waits.js";
import { closedError, Writer } from "./writer.js";

export interface PostgresSettings extends DatabaseOptions {
  readonly schema: string;
  readonly preparingSeconds: number;
  readonly pollMs: number;
}

/** What openPostgresStore returns. */
export class PostgresStore implements LightningStore, StoreTransfer, StoreListings {
  readonly #database: Database;
  readonly #table: string;
  readonly #statements: Statements;
  readonly #writer: Writer;
  readonly #waits: Waits;
  readonly #pulse: Pulse;
  readonly listings: Listings;
  readonly #openTime = performance.now();
  #listener: Listener | null = null;
  #closing: Promise<void> | null = null;

  private constructor(database: Database, settings: PostgresSettings) {
    const statements = toStatements(settings.schema);
    this.#database = database;
    this.#table = `${quoteIdentifier(settings.schema)}.rollouts`;
    this.#statements = statements;
    this.listings = postgresListings((...asked) => this.#read(...asked), statements, settings.schema);
    this.#writer = new Writer(database, statements, settings, ({ events, dueInSeconds }) => {
      this.#waits.hear(events);
      this.#pulse.within(dueInSeconds * 1000);
    });
    this.#waits = createWaits(
      statements,
      (statement, values) => database.read("waitForRollouts", statement, values),
      (requests) => this.#writer.submit(changes.claim(requests)),
    );
    this.#pulse = createPulse(settings.pollMs, () => this.#beat());
  }

  /** On tables that are there. @throws DatabaseFailure */
  static async listening(database: Database, settings: PostgresSettings): Promise<PostgresStore> {
    const store = new PostgresStore(database, settings);
    try {
      const hear = (payload: string) => store.#waits.hear(fromPayload(payload));
      const look = () => void store.#waits.look();
      store.#listener = await createListener(database, channelOf(settings.schema), hear, look);
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async enqueue(rollouts: readonly NewRollout[]): Promise<readonly Rollout[]> {
    return this.#writer.submit(changes.enqueue(rollouts));
  }

  async claim(
    workerId: string | null,
    limit = 1,
    options: WaitOptions = { timeoutMs: 0 },
  ): Promise<readonly AttemptedRollout[]> {
    this.#checkOpen("claim");
    checkInteger("store.claim", "limit", limit);
    const timeoutMs = toTimeoutMs("claim", options);
    if (limit <= 0) return [];
    checkWorkerId("claim", workerId);
    options.signal?.throwIfAborted();
    if (timeoutMs > 0) return this.#pulse.during(() => this.#waits.claim(workerId, limit, options));
    const [claimed = []] = await this.#writer.submit(changes.claim([{ workerId, limit, isNoted: true }]));
    return claimed;
  }

  async claimRollout(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    return this.#writer.submit(changes.claimRollout(rolloutId, workerId));
  }

  async startRollout(rollout: NewRollout, workerId: string | null = null): Promise<AttemptedRollout> {
    checkWorkerId("startRollout", workerId);
    return this.#writer.submit(changes.startRollout(rollout, workerId));
  }

  async startAttempt(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    checkWorkerId("startAttempt", workerId);
    return this.#writer.submit(changes.startAttempt(rolloutId, workerId));
  }

  async getRollout(rolloutId: string): Promise<Rollout | AttemptedRollout> {
    return queries.getRollout(this.#read, this.#statements, rolloutId);
  }

  async queryRollouts(query: RolloutQuery = {}): Promise<Page<Rollout | AttemptedRollout>> {
    return queries.queryRollouts(this.#read, this.#table, query);
  }

  async updateRollout(rolloutId: string, fields: RolloutChanges): Promise<Rollout> {
    return this.#writer.submit(changes.updateRollout(rolloutId, fields));
  }

  async cancel(rolloutId: string): Promise<Rollout> {
    return this.#writer.submit(changes.cancel(rolloutId));
  }

  async deleteRollouts(rolloutIds: readonly string[]): Promise<void> {
    await this.#writer.submit(deleteRollouts(rolloutIds));
  }

  async changes(since?: string, limit = kMostChanges): Promise<ChangedRollouts> {
    return changesSince(this.#read, this.#table, since, checkMostChanges(limit));
  }

  async waitForRollouts(
    rolloutIds: readonly string[],
    options: WaitOptions = {},
  ): Promise<readonly Rollout[]> {
    this.#checkOpen("waitForRollouts");
    const { signal } = options;
    const deadline = performance.now() + toTimeoutMs("waitForRollouts", options);
    const ids = [...new Set(rolloutIds)];
    // One that ended may have been queued again while the others were waited for.
    for (;;) {
      const rollouts = await queries.getRollouts(this.#read, this.#statements, "waitForRollouts", ids);
      const open = rollouts.filter(({ status }) => !isEnded(status)).map(({ rolloutId }) => rolloutId);
      const leftMs = deadline - performance.now();
      if (open.length === 0 || leftMs <= 0) return rollouts.filter(({ status }) => isEnded(status));
      await this.#pulse.during(() => this.#waits.forEnd(open, { timeoutMs: leftMs, signal }));
    }
  }

  async getLatestAttempt(rolloutId: string): Promise<Attempt | null> {
    const attempts = await queries.attemptsOf(this.#read, this.#statements, "getLatestAttempt", rolloutId);
    return attempts.at(-1) ?? null;
  }

  async queryAttempts(rolloutId: string, query: AttemptQuery = {}): Promise<Page<Attempt>> {
    return queries.queryAttempts(this.#read, this.#statements, rolloutId, query);
  }

  async updateAttempt(rolloutId: string, attemptId: string, fields: AttemptChanges): Promise<Attempt> {
    checkWorkerId("updateAttempt", fields.workerId);
    return this.#writer.submit(changes.updateAttempt(rolloutId, attemptId, fields));
  }

  async addSpans(spans: readonly Span[]): Promise<readonly (Span | null)[]> {
    return this.#writer.submit(changes.addSpans(spans));
  }

  async importRecords(batch: TransferBatch): Promise<void> {
    return this.#writer.submit(importRecords(batch));
  }

  async nextSequenceId(rolloutId: string): Promise<number> {
    return this.#writer.submit(changes.nextSequenceId(rolloutId));
  }

  async querySpans(rolloutId: string, query: SpanQuery = {}): Promise<Page<Span>> {
    return queries.querySpans(this.#read, this.#statements, rolloutId, query);
  }

  async addResources(resources: Resources): Promise<ResourcesUpdate> {
    return this.updateResources(newId("rs"), resources);
  }

  async updateResources(resourcesId: string, resources: Resources): Promise<ResourcesUpdate> {
    return this.#writer.submit(changes.updateResources(resourcesId, resources));
  }

  async getResources(resourcesId: string, version?: number): Promise<ResourcesUpdate> {
    return queries.getResources(this.#read, this.#statements, resourcesId, version);
  }

  async getLatestResources(): Promise<ResourcesUpdate | null> {
    return queries.getLatestResources(this.#read, this.#statements);
  }

  async queryResources(query: ResourcesQuery = {}): Promise<Page<ResourcesUpdate>> {
    return queries.queryResources(this.#read, this.#statements, query);
  }

  async heartbeat(workerId: string, stats?: Attributes): Promise<Worker> {
    return this.#writer.submit(changes.heartbeat(workerId, stats));
  }

  async getWorker(workerId: string): Promise<Worker> {
    return queries.getWorker(this.#read, this.#statements, workerId);
  }

  async queryWorkers(query: WorkerQuery = {}): Promise<Page<Worker>> {
    return queries.queryWorkers(this.#read, this.#statements, query);
  }

  async statistics(): Promise<StoreStatistics> {
    const counts = await queries.countRows(this.#read, this.#statements);
    return { name: "postgres", ...counts, uptimeSeconds: (performance.now() - this.#openTime) / 1000 };
  }

  probe(): Promise<void> {
    return this.#writer.submit({ who: "probe", size: 1, apply: () => () => undefined });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #read: queries.Read = async (who, statement, values) => {
    this.#checkOpen(who);
    return this.#database.read(who, statement, values);
  };

  #checkOpen(who: string): void {
    if (this.#closing !== null) throw closedError(who);
  }

  async #close(): Promise<void> {
    this.#pulse.close();
    this.#waits.close();
    await this.#writer.close();
    this.#listener?.close();
    await this.#database.close();
  }

  // The watchdog of every process looks; who locks an overdue rollout first ends its attempt. Of a database that cannot be reached the
  // next beat finds out again, and callers are told by their own calls.
  async #beat(): Promise<number> {
    void this.#waits.look();
    try {
      for (;;) {
        const [row] = await this.#database.read("watchdog", this.#statements.nextDeadline);
        const deadline = row?.deadline as number | null | undefined;
        if (row === undefined || deadline === null || deadline === undefined) return Number.POSITIVE_INFINITY;
        const now = row.now as number;
        // Every change notes the database's clock: one that is behind it was set back.
        if (((row.seen as number | null) ?? 0) > now + kToleranceSeconds) {
          await this.#database.read("watchdog", this.#statements.lookAtAll);
          continue;
        }
        const dueMs = (deadline - now) * 1000;
        if (dueMs >= 0) return dueMs;
        await this.#writer.submit(changes.endOverdue(kMostOverdue));
      }
    } catch (error) {
      if (!(error instanceof LightningError)) throw error;
      return Number.POSITIVE_INFINITY;
    }
  }
}

// --- internal ---

const kMostOverdue = 100;
const kToleranceSeconds = 0.1;
