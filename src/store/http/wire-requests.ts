// What requests to the 0.3 routes carry. Fields of ours, all optional: `timeout` of a dequeue, `strict` of reads (an unknown id is 404
// instead of null or nothing), `version` of resources, and the bodies of spans/batch
// and of the dequeue of one rollout.
import { z } from "zod";
import {
  atMost,
  attemptStatusSchema,
  metadataSchema,
  rolloutConfigSchema,
  rolloutModeSchema,
  rolloutStatusSchema,
  workerStatusSchema,
} from "./wire-records.js";
import { spanSchema } from "./wire-span.js";

const kIds = 200_000;
const isPresent = (value: unknown) => value !== undefined;

export const newRolloutSchema = z.object({
  input: z.unknown().refine(isPresent),
  mode: rolloutModeSchema.nullish(),
  resources_id: z.string().nullish(),
  config: rolloutConfigSchema.nullish(),
  metadata: metadataSchema.nullish(),
});
export const enqueueSchema = z.object({ rollouts: atMost(50_000, newRolloutSchema) });
export const dequeueSchema = z.object({
  limit: z.int().default(1),
  worker_id: z.string().nullish(),
  /** Seconds to wait for the queue; the server bounds them. */
  timeout: z.number().nullish(),
});
export const startRolloutSchema = newRolloutSchema.extend({ worker_id: z.string().nullish() });
export const startAttemptSchema = z.object({ worker_id: z.string().nullish() });

/** Present fields replace; null where it is no value is a 400. */
export const rolloutChangesSchema = z.object({
  input: z.unknown().optional(),
  mode: rolloutModeSchema.nullish(),
  resources_id: z.string().nullish(),
  status: rolloutStatusSchema.nullish(),
  config: rolloutConfigSchema.nullish(),
  metadata: metadataSchema.nullish(),
});
export const attemptChangesSchema = z.object({
  status: attemptStatusSchema.nullish(),
  worker_id: z.string().nullish(),
  last_heartbeat_time: z.number().nullish(),
  metadata: metadataSchema.nullish(),
});
export const heartbeatSchema = z.object({ heartbeat_stats: metadataSchema.nullish() });

export const waitSchema = z.object({
  rollout_ids: atMost(kIds, z.string()),
  timeout: z.number().nullish(),
  strict: z.boolean().default(false),
});
export const nextSequenceSchema = z.object({ rollout_id: z.string(), attempt_id: z.string() });
/** Each batch is kept whole or not at all. */
export const spanBatchesSchema = z.object({ batches: atMost(10_000, atMost(50_000, spanSchema)) });
/** For each batch: which of its spans are new, or why it was refused. */
export const spanBatchResultsSchema = z.object({
  results: z.array(
    z.union([
      z.object({ kept: z.array(z.boolean()) }),
      z.object({ error: z.object({ code: z.string(), detail: z.string() }) }),
    ]),
  ),
});
export type SpanBatchResults = z.infer<typeof spanBatchResultsSchema>;

const pagingFields = {
  limit: z.int().default(-1),
  offset: z.int().default(0),
  sort_by: z.string().nullish(),
  sort_order: z.enum(["asc", "desc"]).default("asc"),
};
const filterLogic = { filter_logic: z.enum(["and", "or"]).default("and") };
/** Ours, not 0.3's: also what the gateway keeps for itself. */
const hidden = { hidden: z.boolean().default(false) };
const strict = { strict: z.boolean().default(false) };

export const strictSchema = z.object(strict);
export const rolloutQuerySchema = z.object({
  status_in: atMost(100, rolloutStatusSchema).nullish(),
  rollout_id_in: atMost(kIds, z.string()).nullish(),
  rollout_id_contains: z.string().nullish(),
  /** Ours, as `metadata`: its values, or { min, max } for numbers, by top-level name. In an address as JSON. */
  mode: rolloutModeSchema.nullish(),
  metadata: metadataSchema.nullish(),
  ...hidden,
  ...filterLogic,
  ...pagingFields,
});
/** Ours, not 0.3's: a cursor that an earlier answer gave. */
export const changesQuerySchema = z.object({
  since: z.string().nullish(),
  limit: z.int().min(1).max(100_000).default(1000),
});
export const deletionSchema = z.object({ rollout_ids: atMost(kIds, z.string()) });
export const attemptQuerySchema = z.object({ ...pagingFields, ...strict });
export const workerQuerySchema = z.object({
  status_in: atMost(100, workerStatusSchema).nullish(),
  worker_id_contains: z.string().nullish(),
  ...hidden,
  ...filterLogic,
  ...pagingFields,
});
export const resourcesQuerySchema = z.object({
  resources_id: z.string().nullish(),
  resources_id_contains: z.string().nullish(),
  ...pagingFields,
});
export const resourcesVersionSchema = z.object({ version: z.int().min(1).nullish(), ...strict });
export const spanQuerySchema = z.object({
  rollout_id: z.string(),
  attempt_id: z.string().nullish(),
  trace_id: z.string().nullish(),
  trace_id_contains: z.string().nullish(),
  span_id: z.string().nullish(),
  span_id_contains: z.string().nullish(),
  parent_id: z.string().nullish(),
  parent_id_contains: z.string().nullish(),
  name: z.string().nullish(),
  name_contains: z.string().nullish(),
  ...filterLogic,
  ...pagingFields,
  ...strict,
});
