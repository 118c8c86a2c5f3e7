// What goes into and out of a store's methods besides the records of src/types.
import type { ResourcesUpdate } from "../types/resources.js";
import type {
  Attempt,
  AttemptedRollout,
  AttemptStatus,
  Rollout,
  RolloutConfig,
  RolloutMode,
  RolloutStatus,
  Worker,
} from "../types/rollout.js";
import type { Span } from "../types/span.js";

export interface NewRollout {
  /** The task: any JSON. */
  readonly input: unknown;
  readonly mode?: RolloutMode | null;
  /** Absent or null: the latest resources. Either way in the version that is the newest when it is enqueued. */
  readonly resourcesId?: string | null;
  /** What is absent: no limits, one attempt, no retries. */
  readonly config?: Partial<RolloutConfig>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Present fields replace. */
export interface RolloutChanges {
  readonly input?: unknown;
  readonly mode?: RolloutMode | null;
  /** Bound in its newest version. */
  readonly resourcesId?: string | null;
  readonly status?: RolloutStatus;
  readonly config?: RolloutConfig;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Present fields replace. */
export interface AttemptChanges {
  readonly status?: AttemptStatus;
  readonly workerId?: string;
  /** Unix seconds. */
  readonly lastHeartbeatTime?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface WaitOptions {
  /** Default: no limit. 0 only looks. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A part of what matched, in order. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly limit: number | null;
  readonly offset: number;
  /** Matches before paging. */
  readonly total: number;
}

export interface Paging<T> {
  /** Null or absent: all. */
  readonly limit?: number | null;
  readonly offset?: number;
  /** Absent: the order in which records were created. Nulls sort last among times, as "" and 0 elsewhere. */
  readonly sortBy?: keyof T & string;
  readonly sortOrder?: "asc" | "desc";
}

/** How several filters of one query combine; ids that scope a query always hold. */
export type FilterLogic = "and" | "or";

/** Numbers from min to max, both included; at least one of them. */
export interface MetadataRange {
  readonly min?: number;
  readonly max?: number;
}

/** The value itself, or a range. */
export type MetadataFilter = string | number | boolean | null | MetadataRange;

export interface RolloutQuery extends Paging<Rollout> {
  readonly statusIn?: readonly RolloutStatus[];
  readonly rolloutIdIn?: readonly string[];
  readonly rolloutIdContains?: string;
  readonly mode?: RolloutMode;
  /** By top-level name; a rollout that lacks the name does not match. Each counts as one filter. */
  readonly metadata?: Readonly<Record<string, MetadataFilter>>;
  readonly filterLogic?: FilterLogic;
}

export interface ChangedRollouts {
  /** With their latest attempt where they have one. */
  readonly items: readonly (Rollout | AttemptedRollout)[];
  /** For the next call, of any process. */
  readonly cursor: string;
}

export type AttemptQuery = Paging<Attempt>;

export interface SpanQuery extends Paging<Span> {
  readonly attemptId?: string | "latest";
  readonly traceId?: string;
  readonly traceIdContains?: string;
  readonly spanId?: string;
  readonly spanIdContains?: string;
  readonly parentId?: string;
  readonly parentIdContains?: string;
  readonly name?: string;
  readonly nameContains?: string;
  readonly filterLogic?: FilterLogic;
}

export interface WorkerQuery extends Paging<Worker> {
  readonly statusIn?: readonly Worker["status"][];
  readonly workerIdContains?: string;
  readonly filterLogic?: FilterLogic;
}

export interface ResourcesQuery extends Paging<ResourcesUpdate> {
  readonly resourcesId?: string;
  readonly resourcesIdContains?: string;
}

export interface StoreStatistics {
  readonly name: string;
  readonly rollouts: number;
  readonly attempts: number;
  readonly spans: number;
  readonly resources: number;
  readonly workers: number;
  readonly uptimeSeconds: number;
}
