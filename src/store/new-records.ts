// Records as they begin, and the checks of what callers put into a store.
import { randomUUID } from "node:crypto";
import { argumentError, checkInteger, checkNumber, checkOneOf } from "../base/check.js";
import type { Resources } from "../types/resources.js";
import type {
  Attempt,
  AttemptStatus,
  Rollout,
  RolloutConfig,
  RolloutMode,
  Worker,
} from "../types/rollout.js";
import type { Span } from "../types/span.js";
import type { BoundResources } from "./resources-binding.js";
import type { NewRollout } from "./store-records.js";

/** `ro-` + 12, `at-` + 8, `rs-` + 12 hex digits, random. */
export function newId(kind: "ro" | "at" | "rs"): string {
  // Its first twelve digits are random all, and node:crypto keeps them in stock.
  const uuid = randomUUID();
  return `${kind}-${uuid.slice(0, 8)}${kind === "at" ? "" : uuid.slice(9, 13)}`;
}

/** A queued rollout. @throws E_ARGUMENT */
export function toRollout(
  who: string,
  fields: NewRollout,
  bound: BoundResources | null,
  now: number,
): Rollout {
  return {
    rolloutId: newId("ro"),
    input: fields.input,
    mode: checkMode(who, fields.mode ?? null),
    resourcesId: bound?.resourcesId ?? null,
    resourcesVersion: bound?.version ?? null,
    status: "queuing",
    config: checkNewConfig(who, fields.config),
    metadata: fields.metadata ?? {},
    startTime: now,
    endTime: null,
  };
}

export function toAttempt(
  rolloutId: string,
  sequenceId: number,
  workerId: string | null,
  now: number,
): Attempt {
  return {
    rolloutId,
    attemptId: newId("at"),
    sequenceId,
    status: "preparing",
    workerId,
    startTime: now,
    endTime: null,
    lastHeartbeatTime: null,
    metadata: {},
  };
}

export function toWorker(workerId: string): Worker {
  return {
    workerId,
    status: "unknown",
    heartbeatStats: null,
    lastHeartbeatTime: null,
    lastDequeueTime: null,
    lastBusyTime: null,
    lastIdleTime: null,
    currentRolloutId: null,
    currentAttemptId: null,
  };
}

/** @throws E_ARGUMENT */
export function checkMode(who: string, mode: RolloutMode | null): RolloutMode | null {
  return mode === null ? null : checkOneOf<RolloutMode>(who, "mode", mode, ["train", "val", "test"]);
}

/** What is absent has its default. @throws E_ARGUMENT */
export function checkNewConfig(who: string, config: Partial<RolloutConfig> | undefined): RolloutConfig {
  return checkConfig(who, { ...kConfig, ...config });
}

/** @throws E_ARGUMENT */
export function checkConfig(who: string, config: RolloutConfig): RolloutConfig {
  const { timeoutSeconds, unresponsiveSeconds, maxAttempts, retryCondition } = config;
  if (timeoutSeconds !== null) checkNumber(who, "timeoutSeconds", timeoutSeconds, { min: 0 });
  if (unresponsiveSeconds !== null) checkNumber(who, "unresponsiveSeconds", unresponsiveSeconds, { min: 0 });
  checkInteger(who, "maxAttempts", maxAttempts, { min: 1 });
  if (!Array.isArray(retryCondition))
    throw argumentError(who, "retryCondition to be a list of statuses", retryCondition);
  for (const status of retryCondition) checkOneOf(who, "retryCondition", status, kAttemptStatuses);
  return config;
}

/** @throws E_ARGUMENT */
export function checkResources(who: string, resources: Resources): Resources {
  if (typeof resources !== "object" || resources === null || Array.isArray(resources))
    throw argumentError(who, "a record of resources by name", resources);
  for (const [name, resource] of Object.entries(resources))
    if (typeof resource?.resourceType !== "string")
      throw argumentError(who, `resource ${JSON.stringify(name)} to have a resourceType`, resource);
  return resources;
}

/** @throws E_ARGUMENT */
export function checkId(who: string, name: string, id: unknown): string {
  if (typeof id === "string" && id !== "") return id;
  throw argumentError(who, `${name} to be a string that is not empty`, id);
}

/** Null and undefined: none. @throws E_ARGUMENT */
export function checkWorkerId<T extends string | null | undefined>(who: string, workerId: T): T {
  if (workerId !== null && workerId !== undefined) checkId(`store.${who}`, "workerId", workerId);
  return workerId;
}

/** Attributes are whoever made them's: they may be bytes that nobody has read. @throws E_ARGUMENT */
export function checkSpan({ attemptId, sequenceId, spanId, startTime, endTime }: Span): void {
  checkInteger("store.addSpans", "sequenceId", sequenceId, { min: 1 });
  if (typeof spanId !== "string") throw argumentError("store.addSpans", "spanId to be a string", spanId);
  checkNumber("store.addSpans", "startTime", startTime);
  if (endTime !== null) checkNumber("store.addSpans", "endTime", endTime);
  if (attemptId === "latest") throw argumentError("store.addSpans", "the attempt's own id", attemptId);
}

// --- internal ---

const kConfig: RolloutConfig = {
  timeoutSeconds: null,
  unresponsiveSeconds: null,
  maxAttempts: 1,
  retryCondition: [],
};
const kAttemptStatuses: readonly AttemptStatus[] = [
  "preparing",
  "running",
  "failed",
  "succeeded",
  "unresponsive",
  "timeout",
];
