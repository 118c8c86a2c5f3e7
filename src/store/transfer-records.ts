// What may stand in a line of an exported store. A file may come from anywhere: every field is checked.
import { z } from "zod";
import type { Attributes } from "../types/span.js";

export const kTransferFormat = "agentlightning-store";
/** 1 had no resourcesVersion. */
export const kTransferVersion = 2;

const id = z.string().min(1);
const time = z.number().min(0);
const text = z.string();
const attemptStatus = z.enum(["preparing", "running", "failed", "succeeded", "unresponsive", "timeout"]);
const map = z.custom<Readonly<Record<string, unknown>>>(isRecord);
const attributes = z.custom<Attributes>((value) => isRecord(value) && Object.values(value).every(isStored));

const resource = z.discriminatedUnion("resourceType", [
  z.strictObject({
    resourceType: z.enum(["llm", "proxy_llm"]),
    endpoint: text,
    model: text,
    apiKey: text.nullable(),
    samplingParameters: map,
  }),
  z.strictObject({
    resourceType: z.literal("prompt_template"),
    template: text,
    engine: z.enum(["jinja", "f-string", "poml"]),
  }),
]);

const resourcesUpdate = z.strictObject({
  resourcesId: id,
  version: z.int().min(1),
  createTime: time,
  updateTime: time,
  resources: z.record(z.string(), resource),
});

const rollout = z.strictObject({
  rolloutId: id,
  input: z.unknown(),
  mode: z.enum(["train", "val", "test"]).nullable(),
  resourcesId: id.nullable(),
  resourcesVersion: z.int().min(1).nullable().default(null),
  status: z.enum(["queuing", "preparing", "running", "failed", "succeeded", "cancelled", "requeuing"]),
  config: z.strictObject({
    timeoutSeconds: time.nullable(),
    unresponsiveSeconds: time.nullable(),
    maxAttempts: z.int().min(1),
    retryCondition: z.array(attemptStatus),
  }),
  metadata: map,
  startTime: time,
  endTime: time.nullable(),
});

const attempt = z.strictObject({
  rolloutId: id,
  attemptId: id,
  sequenceId: z.int().min(1),
  status: attemptStatus,
  workerId: id.nullable(),
  startTime: time,
  endTime: time.nullable(),
  lastHeartbeatTime: z.number().nullable(),
  metadata: map,
});

const span = z.strictObject({
  rolloutId: id,
  attemptId: id,
  sequenceId: z.int().min(1),
  traceId: text,
  spanId: text,
  parentId: text.nullable(),
  name: text,
  status: z.strictObject({ code: z.enum(["UNSET", "OK", "ERROR"]), description: text.nullable() }),
  attributes,
  events: z.array(z.strictObject({ name: text, attributes, timestamp: z.number().nullable() })),
  startTime: z.number(),
  endTime: z.number().nullable(),
  extra: map.optional(),
});

const worker = z.strictObject({
  workerId: id,
  status: z.enum(["idle", "busy", "unknown"]),
  heartbeatStats: z.custom<Attributes>(isRecord).nullable(),
  lastHeartbeatTime: time.nullable(),
  lastDequeueTime: time.nullable(),
  lastBusyTime: time.nullable(),
  lastIdleTime: time.nullable(),
  currentRolloutId: id.nullable(),
  currentAttemptId: id.nullable(),
});

export const transferLineSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("resources"), resources: resourcesUpdate }),
  z.strictObject({ kind: z.literal("rollout"), rollout, attempts: z.array(attempt), spans: z.int().min(0) }),
  z.strictObject({ kind: z.literal("span"), span }),
  z.strictObject({ kind: z.literal("worker"), worker }),
  z.looseObject({
    kind: z.literal("end"),
    counts: z.object({ resources: z.int(), rollouts: z.int(), spans: z.int(), workers: z.int() }),
  }),
]);

export type TransferLine = z.output<typeof transferLineSchema>;

// --- internal ---

function isRecord(value: unknown): value is Attributes {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A scalar or a list of one kind; stores that keep JSON have null for a number that is not finite. */
function isStored(value: unknown): boolean {
  if (!Array.isArray(value)) return isNumber(value) || kScalars.has(typeof value);
  return value.every(isNumber) || (kScalars.has(typeof value[0]) && value.every(isLike(value[0])));
}

function isNumber(value: unknown): boolean {
  return value === null || Number.isFinite(value);
}

function isLike(first: unknown): (value: unknown) => boolean {
  return (value) => typeof value === typeof first;
}

const kScalars: ReadonlySet<string> = new Set(["string", "boolean"]);
