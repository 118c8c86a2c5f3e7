// Our records and the wire's, both ways. Ours have no null metadata: null comes in as {}. Attempts are in wire-attempts.ts.
import type { z } from "zod";
import type { Resource, Resources, ResourcesUpdate } from "../../types/resources.js";
import type { AttemptedRollout, Rollout, RolloutConfig, Worker } from "../../types/rollout.js";
import type { Attributes } from "../../types/span.js";
import { checkNewConfig } from "../new-records.js";
import type { NewRollout, Page, RolloutChanges, StoreStatistics } from "../store-records.js";
import { fromWireAttempt, toWireAttempt, toWireWorkerId } from "./wire-attempts.js";
import type {
  WireAnyRollout,
  WirePage,
  WireResource,
  WireResources,
  WireResourcesUpdate,
  WireRollout,
  WireRolloutConfig,
  WireStatistics,
  WireWorker,
} from "./wire-records.js";
import type { newRolloutSchema, rolloutChangesSchema } from "./wire-requests.js";

export function toWireConfig(config: RolloutConfig): WireRolloutConfig {
  return {
    timeout_seconds: config.timeoutSeconds,
    unresponsive_seconds: config.unresponsiveSeconds,
    max_attempts: config.maxAttempts,
    retry_condition: [...config.retryCondition],
  };
}

export function fromWireConfig(wire: WireRolloutConfig): RolloutConfig {
  return {
    timeoutSeconds: wire.timeout_seconds,
    unresponsiveSeconds: wire.unresponsive_seconds,
    maxAttempts: wire.max_attempts,
    retryCondition: wire.retry_condition,
  };
}

/** With its attempt where it has one. */
export function toWireRollout(rollout: Rollout | AttemptedRollout): WireAnyRollout {
  const wire: WireRollout = {
    rollout_id: rollout.rolloutId,
    input: rollout.input,
    start_time: rollout.startTime,
    end_time: rollout.endTime,
    mode: rollout.mode,
    resources_id: rollout.resourcesId,
    ...(rollout.resourcesVersion === null ? {} : { resources_version: rollout.resourcesVersion }),
    status: rollout.status,
    config: toWireConfig(rollout.config),
    metadata: rollout.metadata,
  };
  return "attempt" in rollout ? { ...wire, attempt: toWireAttempt(rollout.attempt) } : wire;
}

export function fromWireRollout(wire: WireRollout): Rollout {
  return {
    rolloutId: wire.rollout_id,
    input: wire.input,
    mode: wire.mode,
    resourcesId: wire.resources_id,
    resourcesVersion: wire.resources_version ?? null,
    status: wire.status,
    config: fromWireConfig(wire.config),
    metadata: wire.metadata ?? {},
    startTime: wire.start_time,
    endTime: wire.end_time,
  };
}

export function fromWireAnyRollout(wire: WireAnyRollout): Rollout | AttemptedRollout {
  const rollout = fromWireRollout(wire);
  return wire.attempt ? { ...rollout, attempt: fromWireAttempt(wire.attempt) } : rollout;
}

export function toWireWorker(worker: Worker): WireWorker {
  return {
    worker_id: toWireWorkerId(worker.workerId) ?? "",
    status: worker.status,
    heartbeat_stats: worker.heartbeatStats,
    last_heartbeat_time: worker.lastHeartbeatTime,
    last_dequeue_time: worker.lastDequeueTime,
    last_busy_time: worker.lastBusyTime,
    last_idle_time: worker.lastIdleTime,
    current_rollout_id: worker.currentRolloutId,
    current_attempt_id: worker.currentAttemptId,
  };
}

export function fromWireWorker(wire: WireWorker): Worker {
  return {
    workerId: wire.worker_id,
    status: wire.status,
    // 0.3 takes any JSON here and shows it to people.
    heartbeatStats: wire.heartbeat_stats as Attributes | null,
    lastHeartbeatTime: wire.last_heartbeat_time,
    lastDequeueTime: wire.last_dequeue_time,
    lastBusyTime: wire.last_busy_time,
    lastIdleTime: wire.last_idle_time,
    currentRolloutId: wire.current_rollout_id,
    currentAttemptId: wire.current_attempt_id,
  };
}

export function toWireResources(resources: Resources): WireResources {
  return Object.fromEntries(Object.entries(resources).map(([name, r]) => [name, toWireResource(r)]));
}

export function fromWireResources(wire: WireResources): Resources {
  return Object.fromEntries(Object.entries(wire).map(([name, r]) => [name, fromWireResource(r)]));
}

export function toWireUpdate(update: ResourcesUpdate): WireResourcesUpdate {
  return {
    resources_id: update.resourcesId,
    create_time: update.createTime,
    update_time: update.updateTime,
    version: update.version,
    resources: toWireResources(update.resources),
  };
}

export function fromWireUpdate(wire: WireResourcesUpdate): ResourcesUpdate {
  return {
    resourcesId: wire.resources_id,
    version: wire.version,
    createTime: wire.create_time,
    updateTime: wire.update_time,
    resources: fromWireResources(wire.resources),
  };
}

/** @throws E_ARGUMENT for limits that JSON would make no limits */
export function toWireNewRollout({ input, mode, resourcesId, config, metadata }: NewRollout) {
  checkNewConfig("store over HTTP", config);
  return {
    // JSON has no undefined.
    input: input ?? null,
    mode,
    resources_id: resourcesId,
    config: config && toWireConfigPart(config),
    metadata,
  };
}

export function fromWireNewRollout(wire: z.infer<typeof newRolloutSchema>): NewRollout {
  return {
    input: wire.input,
    mode: wire.mode ?? null,
    resourcesId: wire.resources_id ?? null,
    config: wire.config ? fromWireConfig(wire.config) : {},
    metadata: wire.metadata ?? {},
  };
}

export function toWireRolloutChanges(changes: RolloutChanges) {
  const { resourcesId, config, ...same } = changes;
  return { ...same, resources_id: resourcesId, config: config && toWireConfig(config) };
}

/** Of a body whose status and config are not null. */
export function fromWireRolloutChanges(wire: z.infer<typeof rolloutChangesSchema>): RolloutChanges {
  return {
    ...("input" in wire ? { input: wire.input } : {}),
    mode: wire.mode,
    resourcesId: wire.resources_id,
    status: wire.status ?? undefined,
    config: wire.config ? fromWireConfig(wire.config) : undefined,
    metadata: wire.metadata === null ? {} : wire.metadata,
  };
}

export function fromWirePage<W, T>(page: WirePage<W>, fromWire: (item: W) => T): Page<T> {
  const { items, limit, offset, total } = page;
  return { items: items.map(fromWire), limit: limit === -1 ? null : limit, offset, total };
}

export function toWireStatistics(statistics: StoreStatistics): WireStatistics {
  return {
    name: statistics.name,
    total_rollouts: statistics.rollouts,
    total_attempts: statistics.attempts,
    total_spans: statistics.spans,
    total_resources: statistics.resources,
    total_workers: statistics.workers,
    uptime: statistics.uptimeSeconds,
  };
}

export function fromWireStatistics(wire: WireStatistics): StoreStatistics {
  return {
    name: wire.name,
    rollouts: wire.total_rollouts,
    attempts: wire.total_attempts,
    spans: wire.total_spans,
    resources: wire.total_resources,
    workers: wire.total_workers,
    uptimeSeconds: wire.uptime,
  };
}

// --- internal ---

function toWireConfigPart(config: Partial<RolloutConfig>): Partial<WireRolloutConfig> {
  return {
    timeout_seconds: config.timeoutSeconds,
    unresponsive_seconds: config.unresponsiveSeconds,
    max_attempts: config.maxAttempts,
    retry_condition: config.retryCondition && [...config.retryCondition],
  };
}

function toWireResource(resource: Resource): WireResource {
  if (resource.resourceType === "prompt_template") {
    const { template, engine } = resource;
    return { resource_type: "prompt_template", template, engine };
  }
  const { resourceType, endpoint, model, apiKey, samplingParameters } = resource;
  return {
    resource_type: resourceType,
    endpoint,
    model,
    api_key: apiKey,
    sampling_parameters: samplingParameters,
  };
}

function fromWireResource(wire: WireResource): Resource {
  if (wire.resource_type === "prompt_template") {
    const { template, engine } = wire;
    return { resourceType: "prompt_template", template, engine };
  }
  const { resource_type, endpoint, model, api_key, sampling_parameters } = wire;
  return {
    resourceType: resource_type,
    endpoint,
    model,
    apiKey: api_key,
    samplingParameters: sampling_parameters,
  };
}
