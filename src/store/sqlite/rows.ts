// Records as rows and back. Spans, workers and resources are kept whole, as JSON.
import { LightningError } from "../../base/error.js";
import type { Attempt, Rollout } from "../../types/rollout.js";
import { deadlineOf } from "../life-cycle.js";
import type { Row, SqlValue } from "./driver.js";
import { kAttemptsPerRollout } from "./schema.js";

export function attemptKey(rolloutKey: number, sequenceId: number): number {
  return rolloutKey * kAttemptsPerRollout + sequenceId;
}

/** The keys that a rollout's attempts may have, first and last. */
export function attemptKeys(rolloutKey: number): [number, number] {
  return [attemptKey(rolloutKey, 1), attemptKey(rolloutKey, kAttemptsPerRollout - 1)];
}

export function toRolloutRecord(row: Row): Rollout {
  return {
    rolloutId: row.id as string,
    input: row.input === null ? undefined : fromJson(row.input),
    mode: row.mode as Rollout["mode"],
    resourcesId: fromIdText(row.resources_id as string | null),
    resourcesVersion: row.resources_version as number | null,
    status: row.status as Rollout["status"],
    config: fromJson(row.config),
    metadata: fromJson(row.metadata),
    startTime: row.start_time as number,
    endTime: row.end_time as number | null,
  };
}

/** @param row  of an attempt, its columns as they are or with a prefix */
export function toAttemptRecord(row: Row, rolloutId: string, prefix = ""): Attempt {
  const at = <T extends SqlValue>(name: string) => row[`${prefix}${name}`] as T;
  return {
    rolloutId,
    attemptId: at("id"),
    sequenceId: at<number>("key") % kAttemptsPerRollout,
    status: at<string>("status") as Attempt["status"],
    workerId: fromIdText(at("worker_id")),
    startTime: at("start_time"),
    endTime: at("end_time"),
    lastHeartbeatTime: at("heartbeat_time"),
    metadata: fromJson(at("metadata")),
  };
}

/** When the watchdog must look at the attempt; null: never. */
export function toDeadline(attempt: Attempt, { config }: Rollout, preparingSeconds: number): number | null {
  const deadline = deadlineOf(attempt, config, preparingSeconds);
  return Number.isFinite(deadline) ? deadline : null;
}

/** @throws E_ARGUMENT for what JSON cannot say: cycles, bigints */
export function toJson(who: string, name: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new LightningError(
      "E_ARGUMENT",
      `store.${who}: expected ${name} to survive JSON, got an error: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

export function fromJson<T>(text: SqlValue | undefined): T {
  return JSON.parse(text as string) as T;
}

/** An id as a column keeps it: SQLite's bindings cut text at U+0000 and replace lone surrogates. */
export function toIdText<T extends string | null>(id: T): T | string {
  return id === null || kPlainId.test(id) ? id : JSON.stringify(id);
}

/** Does the column keep it as it is? */
export function isPlainId(id: string): boolean {
  return kPlainId.test(id);
}

export function fromIdText<T extends string | null>(text: T): T | string {
  return text?.startsWith('"') ? fromJson<string>(text) : text;
}

// --- internal ---

const kPlainId = /^[\x20\x21\x23-\x7e][\x20-\x7e]*$/;
