// A store that another process serves: the 0.3 routes with this package's optional fields. Calls that wait are made of bounded requests.
// A call that changes something and is no repetition of itself (enqueue, claim, startRollout, ...) is never sent twice unless the server
// certainly saw nothing of it; when its answer is lost it rejects with E_STORE.
import { z } from "zod";
import { checkInteger } from "../../base/check.js";
import type { Resources, ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Attributes, Span } from "../../types/span.js";
import { checkMostChanges, kMostChanges } from "../cursor.js";
import { checkRolloutFilters } from "../metadata-filter.js";
import { checkConfig, checkId, checkResources, checkWorkerId } from "../new-records.js";
import { checkPaging, sortFields } from "../paging.js";
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
import { part } from "./path-part.js";
import { kRepeatable, Requests } from "./requests.js";
import { createSpanSender, type SpanSender } from "./span-sender.js";
import type { Transport } from "./transport.js";
import * as attempt from "./wire-attempts.js";
import * as map from "./wire-mapping.js";
import { kPages } from "./wire-pages.js";
import { toWireQuery } from "./wire-queries.js";
import * as wire from "./wire-records.js";
import { fromWireSpan } from "./wire-span.js";

export class HttpStore implements LightningStore {
  readonly #requests: Requests;
  readonly #spans: SpanSender;

  constructor(transport: Transport) {
    this.#requests = new Requests(transport);
    this.#spans = createSpanSender(transport);
  }

  async enqueue(rollouts: readonly NewRollout[]): Promise<readonly Rollout[]> {
    const body = { rollouts: rollouts.map(map.toWireNewRollout) };
    const answer = await this.#requests.post("enqueue", "/queues/rollouts/enqueue", body, kRollouts);
    return answer.map(map.fromWireRollout);
  }

  async claim(
    workerId: string | null,
    limit = 1,
    options: WaitOptions = { timeoutMs: 0 },
  ): Promise<readonly AttemptedRollout[]> {
    this.#requests.checkOpen("claim");
    checkInteger("store.claim", "limit", limit);
    checkWorkerId("claim", workerId);
    if (limit <= 0) return [];
    return this.#requests.poll("claim", options, async (waitMs, signal) => {
      const body = { limit, worker_id: workerId, ...(waitMs > 0 ? { timeout: waitMs / 1000 } : {}) };
      const answer = await this.#requests.post(
        "claim",
        "/queues/rollouts/dequeue",
        body,
        kAttemptedRollouts,
        { waitMs, signal },
      );
      const claimed = answer.map((rollout) => map.fromWireAnyRollout(rollout) as AttemptedRollout);
      return { value: claimed, isDone: claimed.length > 0 };
    });
  }

  async claimRollout(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    const path = `/queues/rollouts/${part(rolloutId)}/dequeue`;
    const body = { worker_id: checkWorkerId("claimRollout", workerId) };
    const answer = await this.#requests.post("claimRollout", path, body, wire.attemptedRolloutSchema);
    return map.fromWireAnyRollout(answer) as AttemptedRollout;
  }

  async startRollout(rollout: NewRollout, workerId: string | null = null): Promise<AttemptedRollout> {
    const worker_id = checkWorkerId("startRollout", workerId);
    const body = { ...map.toWireNewRollout(rollout), worker_id };
    const answer = await this.#requests.post("startRollout", "/rollouts", body, wire.attemptedRolloutSchema);
    return map.fromWireAnyRollout(answer) as AttemptedRollout;
  }

  async startAttempt(rolloutId: string, workerId: string | null = null): Promise<AttemptedRollout> {
    const path = `/rollouts/${part(rolloutId)}/attempts`;
    const answer = await this.#requests.post(
      "startAttempt",
      path,
      { worker_id: checkWorkerId("startAttempt", workerId) },
      wire.attemptedRolloutSchema,
    );
    return map.fromWireAnyRollout(answer) as AttemptedRollout;
  }

  async getRollout(rolloutId: string): Promise<Rollout | AttemptedRollout> {
    return map.fromWireAnyRollout(
      await this.#requests.get("getRollout", `/rollouts/${part(rolloutId)}`, wire.anyRolloutSchema),
    );
  }

  async queryRollouts(query: RolloutQuery = {}): Promise<Page<Rollout | AttemptedRollout>> {
    checkRolloutFilters("store.queryRollouts", query);
    const [asked, schema] = [{ ...query, hidden: true }, kPages.rollouts];
    const path = "/rollouts/search";
    const page = await this.#requests.search("queryRollouts", path, asked, sortFields.rollout, schema);
    return map.fromWirePage(page, map.fromWireAnyRollout);
  }

  async updateRollout(rolloutId: string, changes: RolloutChanges): Promise<Rollout> {
    if (changes.config !== undefined) checkConfig("store.updateRollout", changes.config);
    // Queued twice, it could be claimed twice.
    const isRepeatable = changes.status !== "queuing" && changes.status !== "requeuing";
    const body = map.toWireRolloutChanges(changes);
    const path = `/rollouts/${part(rolloutId)}`;
    return map.fromWireRollout(
      await this.#requests.post("updateRollout", path, body, wire.rolloutSchema, { isRepeatable }),
    );
  }

  async cancel(rolloutId: string): Promise<Rollout> {
    const path = `/rollouts/${part(rolloutId)}/cancel`;
    return map.fromWireRollout(
      await this.#requests.post("cancel", path, {}, wire.rolloutSchema, kRepeatable),
    );
  }

  async deleteRollouts(rolloutIds: readonly string[]): Promise<void> {
    const body = { rollout_ids: rolloutIds };
    await this.#requests.post("deleteRollouts", "/deletions/rollouts", body, z.object({}), kRepeatable);
  }

  async changes(since?: string, limit = kMostChanges): Promise<ChangedRollouts> {
    checkMostChanges(limit);
    const body = { since, limit };
    const schema = wire.changedRolloutsSchema;
    const answer = await this.#requests.post("changes", "/changes/rollouts", body, schema, kRepeatable);
    return { items: answer.items.map(map.fromWireAnyRollout), cursor: answer.cursor };
  }

  async waitForRollouts(
    rolloutIds: readonly string[],
    options: WaitOptions = {},
  ): Promise<readonly Rollout[]> {
    const { size } = new Set(rolloutIds);
    return this.#requests.poll("waitForRollouts", options, async (waitMs, signal) => {
      const body = { rollout_ids: rolloutIds, timeout: waitMs / 1000, strict: true };
      const how = { waitMs, signal, isRepeatable: true };
      const answer = await this.#requests.post("waitForRollouts", "/waits/rollouts", body, kRollouts, how);
      return { value: answer.map(map.fromWireRollout), isDone: answer.length >= size };
    });
  }

  async getLatestAttempt(rolloutId: string): Promise<Attempt | null> {
    const path = `/rollouts/${part(rolloutId)}/attempts/latest?strict=true`;
    const answer = await this.#requests.get("getLatestAttempt", path, wire.attemptSchema.nullable());
    return answer === null ? null : attempt.fromWireAttempt(answer);
  }

  async queryAttempts(rolloutId: string, query: AttemptQuery = {}): Promise<Page<Attempt>> {
    const path = `/rollouts/${part(rolloutId)}/attempts/search`;
    const strict = { ...query, strict: true };
    const page = await this.#requests.search(
      "queryAttempts",
      path,
      strict,
      sortFields.attempt,
      kPages.attempts,
    );
    return map.fromWirePage(page, attempt.fromWireAttempt);
  }

  async updateAttempt(rolloutId: string, attemptId: string, changes: AttemptChanges): Promise<Attempt> {
    const path = `/rollouts/${part(rolloutId)}/attempts/${part(attemptId)}`;
    const body = attempt.toWireAttemptChanges(changes);
    return attempt.fromWireAttempt(
      await this.#requests.post("updateAttempt", path, body, wire.attemptSchema, kRepeatable),
    );
  }

  addSpans(spans: readonly Span[]): Promise<readonly (Span | null)[]> {
    return this.#spans.add(spans);
  }

  async nextSequenceId(rolloutId: string): Promise<number> {
    // 0.3 wants to know an attempt and does not look at it. A number taken twice leaves a gap.
    const body = { rollout_id: rolloutId, attempt_id: "latest" };
    const answer = await this.#requests.post("nextSequenceId", "/spans/next", body, kSequenceId, kRepeatable);
    return answer.sequence_id;
  }

  async querySpans(rolloutId: string, query: SpanQuery = {}): Promise<Page<Span>> {
    const scoped = { ...query, rolloutId, strict: true };
    const page = await this.#requests.search(
      "querySpans",
      "/spans/search",
      scoped,
      sortFields.span,
      kPages.spans,
    );
    return map.fromWirePage(page, fromWireSpan);
  }

  async addResources(resources: Resources): Promise<ResourcesUpdate> {
    checkResources("store.addResources", resources);
    const body = map.toWireResources(resources);
    const answer = await this.#requests.post("addResources", "/resources", body, wire.resourcesUpdateSchema);
    return map.fromWireUpdate(answer);
  }

  async updateResources(resourcesId: string, resources: Resources): Promise<ResourcesUpdate> {
    checkId("store.updateResources", "resourcesId", resourcesId);
    checkResources("store.updateResources", resources);
    const body = map.toWireResources(resources);
    const path = `/resources/${part(resourcesId, "latest")}`;
    return map.fromWireUpdate(
      await this.#requests.post("updateResources", path, body, wire.resourcesUpdateSchema),
    );
  }

  async getResources(resourcesId: string, version?: number): Promise<ResourcesUpdate> {
    const chosen = version === undefined ? "" : `&version=${version}`;
    const path = `/resources/${part(resourcesId, "latest")}?strict=true${chosen}`;
    return map.fromWireUpdate(await this.#requests.get("getResources", path, wire.resourcesUpdateSchema));
  }

  async getLatestResources(): Promise<ResourcesUpdate | null> {
    const schema = wire.resourcesUpdateSchema.nullable();
    const answer = await this.#requests.get("getLatestResources", "/resources/latest", schema);
    return answer === null ? null : map.fromWireUpdate(answer);
  }

  async queryResources(query: ResourcesQuery = {}): Promise<Page<ResourcesUpdate>> {
    this.#requests.checkOpen("queryResources");
    checkPaging("store.queryResources", query, sortFields.resources);
    const given = Object.entries(toWireQuery(query)).filter(([, value]) => value !== undefined);
    const path = `/resources?${new URLSearchParams(Object.fromEntries(given) as Record<string, string>)}`;
    return map.fromWirePage(
      await this.#requests.get("queryResources", path, kPages.resources),
      map.fromWireUpdate,
    );
  }

  async heartbeat(workerId: string, stats?: Attributes): Promise<Worker> {
    const path = `/workers/${part(checkId("store.heartbeat", "workerId", workerId), "search")}`;
    const body = { heartbeat_stats: stats };
    return map.fromWireWorker(
      await this.#requests.post("heartbeat", path, body, wire.workerSchema, kRepeatable),
    );
  }

  async getWorker(workerId: string): Promise<Worker> {
    const path = `/workers/${part(workerId)}?strict=true`;
    return map.fromWireWorker(await this.#requests.get("getWorker", path, wire.workerSchema));
  }

  async queryWorkers(query: WorkerQuery = {}): Promise<Page<Worker>> {
    const [asked, schema] = [{ ...query, hidden: true }, kPages.workers];
    const path = "/workers/search";
    const page = await this.#requests.search("queryWorkers", path, asked, sortFields.worker, schema);
    return map.fromWirePage(page, map.fromWireWorker);
  }

  async statistics(): Promise<StoreStatistics> {
    return map.fromWireStatistics(
      await this.#requests.get("statistics", "/statistics", wire.statisticsSchema),
    );
  }

  close(): Promise<void> {
    return this.#requests.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

// --- internal ---

const kRollouts = z.array(wire.rolloutSchema);
const kAttemptedRollouts = z.array(wire.attemptedRolloutSchema);
const kSequenceId = z.object({ sequence_id: z.int() });
