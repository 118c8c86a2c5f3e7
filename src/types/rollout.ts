// A rollout is one execution of the agent on one task; an attempt is one try at it.
import type { Attributes } from "./span.js";

export type RolloutMode = "train" | "val" | "test";
export type RolloutStatus =
  | "queuing"
  | "preparing"
  | "running"
  | "failed"
  | "succeeded"
  | "cancelled"
  | "requeuing";
export type AttemptStatus = "preparing" | "running" | "failed" | "succeeded" | "unresponsive" | "timeout";

export interface RolloutConfig {
  /** From the attempt's start; null is no limit. */
  readonly timeoutSeconds: number | null;
  /** Since the last sign of life (a span or a heartbeat); null is no limit. */
  readonly unresponsiveSeconds: number | null;
  /** At least 1. */
  readonly maxAttempts: number;
  /** Attempts that end so are tried again. */
  readonly retryCondition: readonly AttemptStatus[];
}

export interface Rollout {
  readonly rolloutId: string;
  /** The task: any JSON. */
  readonly input: unknown;
  readonly mode: RolloutMode | null;
  readonly resourcesId: string | null;
  /** Of the bundle: bound with it, so that every attempt reads the same. Null with an id: unknown (an older store's), the newest is read. */
  readonly resourcesVersion: number | null;
  readonly status: RolloutStatus;
  readonly config: RolloutConfig;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Unix seconds; when it was enqueued. */
  readonly startTime: number;
  readonly endTime: number | null;
}

export interface Attempt {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** From 1. */
  readonly sequenceId: number;
  readonly status: AttemptStatus;
  readonly workerId: string | null;
  readonly startTime: number;
  readonly endTime: number | null;
  readonly lastHeartbeatTime: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface AttemptedRollout extends Rollout {
  readonly attempt: Attempt;
}

export interface Worker {
  readonly workerId: string;
  readonly status: "idle" | "busy" | "unknown";
  readonly heartbeatStats: Attributes | null;
  readonly lastHeartbeatTime: number | null;
  readonly lastDequeueTime: number | null;
  readonly lastBusyTime: number | null;
  readonly lastIdleTime: number | null;
  readonly currentRolloutId: string | null;
  readonly currentAttemptId: string | null;
}
