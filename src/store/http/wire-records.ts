// The records of Agent Lightning 0.3 as they are on the wire: snake_case, times in unix seconds, null where nothing is known.
// Spans are in wire-span.ts, what requests carry in wire-requests.ts, the way from and to our records in wire-mapping.ts.
import { z } from "zod";

export const attemptStatusSchema = z.enum([
  "preparing",
  "running",
  "failed",
  "succeeded",
  "unresponsive",
  "timeout",
]);
export const rolloutStatusSchema = z.enum([
  "queuing",
  "preparing",
  "running",
  "failed",
  "succeeded",
  "cancelled",
  "requeuing",
]);
export const workerStatusSchema = z.enum(["idle", "busy", "unknown"]);
export const rolloutModeSchema = z.enum(["train", "val", "test"]);
/** Whatever its names are: z.record leaves "__proto__" out. */
export const metadataSchema = z.custom<Record<string, unknown>>().check(({ value, issues }) => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    issues.push({ code: "invalid_type", expected: "record", input: value });
});

/** A list whose items are looked at only when there are not too many: each wrong one costs an issue. */
export function atMost<T extends z.ZodType>(count: number, item: T) {
  return z.array(z.unknown()).max(count).pipe(z.array(item));
}

export const rolloutConfigSchema = z.object({
  timeout_seconds: z.number().nullable().default(null),
  unresponsive_seconds: z.number().nullable().default(null),
  max_attempts: z.int().min(1).default(1),
  retry_condition: atMost(100, attemptStatusSchema).default([]),
});

export const rolloutSchema = z.object({
  rollout_id: z.string(),
  input: z.unknown(),
  start_time: z.number(),
  end_time: z.number().nullable().default(null),
  mode: rolloutModeSchema.nullable().default(null),
  resources_id: z.string().nullable().default(null),
  /** Ours, not 0.3's. */
  resources_version: z.int().nullish(),
  status: rolloutStatusSchema.default("queuing"),
  config: rolloutConfigSchema.prefault({}),
  metadata: metadataSchema.nullable().default(null),
});

export const attemptSchema = z.object({
  rollout_id: z.string(),
  attempt_id: z.string(),
  sequence_id: z.int(),
  start_time: z.number(),
  end_time: z.number().nullable().default(null),
  status: attemptStatusSchema.default("preparing"),
  worker_id: z.string().nullable().default(null),
  last_heartbeat_time: z.number().nullable().default(null),
  metadata: metadataSchema.nullable().default(null),
});

export const attemptedRolloutSchema = rolloutSchema.extend({ attempt: attemptSchema });
/** A rollout, with its latest attempt where it has one. */
export const anyRolloutSchema = rolloutSchema.extend({ attempt: attemptSchema.nullish() });

/** Ours, not 0.3's. */
export const changedRolloutsSchema = z.object({ items: z.array(anyRolloutSchema), cursor: z.string() });

export const workerSchema = z.object({
  worker_id: z.string(),
  status: workerStatusSchema.default("unknown"),
  heartbeat_stats: metadataSchema.nullable().default(null),
  last_heartbeat_time: z.number().nullable().default(null),
  last_dequeue_time: z.number().nullable().default(null),
  last_busy_time: z.number().nullable().default(null),
  last_idle_time: z.number().nullable().default(null),
  current_rollout_id: z.string().nullable().default(null),
  current_attempt_id: z.string().nullable().default(null),
});

const endpointFields = {
  endpoint: z.string(),
  model: z.string(),
  api_key: z.string().nullable().default(null),
  sampling_parameters: metadataSchema.default({}),
};
export const resourceSchema = z.discriminatedUnion("resource_type", [
  z.object({ resource_type: z.literal("llm"), ...endpointFields }),
  z.object({ resource_type: z.literal("proxy_llm"), ...endpointFields }),
  z.object({
    resource_type: z.literal("prompt_template"),
    template: z.string(),
    engine: z.enum(["jinja", "f-string", "poml"]),
  }),
]);
export const resourcesSchema = z
  .record(z.string(), z.unknown())
  .refine((resources) => Object.keys(resources).length <= 10_000, "Expected at most 10000 resources")
  .pipe(z.record(z.string(), resourceSchema));

export const resourcesUpdateSchema = z.object({
  resources_id: z.string(),
  create_time: z.number(),
  update_time: z.number(),
  version: z.int(),
  resources: resourcesSchema,
});

export const statisticsSchema = z.object({
  name: z.string(),
  total_rollouts: z.int(),
  total_attempts: z.int(),
  total_spans: z.int(),
  total_resources: z.int(),
  total_workers: z.int(),
  uptime: z.number(),
});

export type WireRolloutConfig = z.infer<typeof rolloutConfigSchema>;
export type WireRollout = z.infer<typeof rolloutSchema>;
export type WireAnyRollout = z.infer<typeof anyRolloutSchema>;
export type WireAttempt = z.infer<typeof attemptSchema>;
export type WireWorker = z.infer<typeof workerSchema>;
export type WireResource = z.infer<typeof resourceSchema>;
export type WireResources = z.infer<typeof resourcesSchema>;
export type WireResourcesUpdate = z.infer<typeof resourcesUpdateSchema>;
export type WireStatistics = z.infer<typeof statisticsSchema>;

/** A part of what matched; limit -1: all of it. */
export interface WirePage<T> {
  readonly items: readonly T[];
  readonly limit: number;
  readonly offset: number;
  readonly total: number;
}

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), limit: z.int(), offset: z.int(), total: z.int() });
}
