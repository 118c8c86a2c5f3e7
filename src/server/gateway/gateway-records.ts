// What the 1.0 gateway takes and gives, in its own words.
import { z } from "zod";

export const kStates = ["queuing", "running", "succeeded", "failed"] as const;
export type GatewayState = (typeof kStates)[number];

const configSchema = z.looseObject({
  timeout_seconds: fromText(z.number().min(0)).default(3600),
  local: z
    .looseObject({ agent_class: z.string(), env_map: z.record(z.string(), z.string()).default({}) })
    .nullable()
    .default(null),
  k8s: z.looseObject({ job_template: z.string() }).nullable().default(null),
});

const metadataSchema = z.looseObject({
  batch_idx: fromText(z.int().nullable()).default(null),
  sample_idx_in_batch: fromText(z.int().nullable()).default(null),
});

export const newRolloutsSchema = z.array(
  z.object({
    rollout_id: z.string().min(1).max(200).nullish(),
    input: z.unknown().refine((input) => input !== undefined),
    is_train: z.boolean().default(true),
    config: z.preprocess(orEmpty, configSchema).prefault({}),
    metadata: z.preprocess(orEmpty, metadataSchema).prefault({}),
  }),
);

export const changesSchema = z.strictObject({
  status: z
    .strictObject({
      state: z.enum(kStates).nullish(),
      k8s_job_name: z.string().nullish(),
      last_attempt_id: z.string().nullish(),
      error_message: z.string().nullish(),
    })
    .nullish(),
});

export const eventSchema = z.object({
  event_type: z.string().min(1).max(200),
  data: z.record(z.string(), z.unknown()).default({}),
});

export const modelsSchema = z.array(
  z.object({
    model: z.string().min(1),
    endpoint: z.url({ protocol: /^https?$/ }),
    version: fromText(z.int()).default(0),
  }),
);

export const pauseSchema = z.object({
  retry_after_seconds: fromText(z.int().min(0)).default(5),
  reason: z.string().nullable().default(null),
});

export const listQuerySchema = z.object({
  state_in: z.array(z.enum(kStates)),
  limit: z.int().min(0).default(500),
});

export const terminalQuerySchema = z.object({
  after: z.int().default(0),
  limit: z.int().min(0).default(1000),
});

export const eventsQuerySchema = z.object({
  event_type: z.string().optional(),
  format: z.enum(["full", "triplet"]).default("full"),
});

export type NewGatewayRollout = z.output<typeof newRolloutsSchema>[number];
export type GatewayChanges = NonNullable<z.output<typeof changesSchema>["status"]>;
export type GatewayModel = z.output<typeof modelsSchema>[number];

export interface GatewayRollout {
  readonly rollout_id: string;
  readonly input: unknown;
  readonly is_train: boolean;
  readonly config: z.output<typeof configSchema>;
  readonly metadata: z.output<typeof metadataSchema>;
  readonly status: {
    readonly state: GatewayState;
    readonly k8s_job_name: string | null;
    readonly last_attempt_id: string | null;
    readonly error_message: string | null;
    readonly version: number;
    /** Unix seconds. */
    readonly created_at: number;
    readonly updated_at: number;
  };
}

export interface GatewayEvent {
  readonly event_type: string;
  readonly rollout_id: string;
  readonly attempt_id: string;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly data: Readonly<Record<string, unknown>>;
}

// --- internal ---

/** 1.0's clients may write a number as text, in JSON too. */
function fromText<T extends z.ZodType>(number: T) {
  return z.preprocess(
    (given) => (typeof given === "string" && kNumber.test(given) ? Number(given) : given),
    number,
  );
}

/** Null counts as absent. */
function orEmpty(given: unknown): unknown {
  return given ?? {};
}

const kNumber = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
