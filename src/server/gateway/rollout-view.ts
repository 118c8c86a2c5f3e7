// A rollout of ours as the 1.0 gateway shows it. What the gateway knows besides lies in the rollout's metadata, under one name.
import { isSpelled, writeSpelled } from "../../base/spelled-integers.js";
import type { Attempt, Rollout, RolloutStatus } from "../../types/rollout.js";
import type { GatewayRollout, GatewayState, NewGatewayRollout } from "./gateway-records.js";

/** What the gateway keeps of a rollout. */
export interface GatewayNotes {
  /** The id that the client chose; absent: the rollout's own. */
  readonly rollout_id?: string;
  readonly config: GatewayRollout["config"];
  readonly k8s_job_name: string | null;
  readonly last_attempt_id: string | null;
  readonly error_message: string | null;
  readonly version: number;
  readonly updated_at: number | null;
  readonly deleted?: true;
  /** Events came before its first attempt (event-shelf.ts). */
  readonly shelved?: true;
}

export const kNotes = "agentlightning.gateway";

export const statusesOf: Readonly<Record<GatewayState, readonly RolloutStatus[]>> = {
  queuing: ["queuing", "requeuing"],
  running: ["preparing", "running"],
  succeeded: ["succeeded"],
  failed: ["failed", "cancelled"],
};

export function stateOf(status: RolloutStatus): GatewayState {
  if (status === "queuing" || status === "requeuing") return "queuing";
  if (status === "preparing" || status === "running") return "running";
  return status === "succeeded" ? "succeeded" : "failed";
}

/** A rollout that came another way has the notes of one that nobody changed. */
export function notesOf(rollout: Rollout): GatewayNotes {
  const notes = rollout.metadata[kNotes];
  if (typeof notes === "object" && notes !== null) return notes as GatewayNotes;
  return {
    config: { timeout_seconds: rollout.config.timeoutSeconds ?? 3600, local: null, k8s: null },
    ...kUnchanged,
  };
}

/** Of what no client of the gateway sees. */
export function hiddenNotes(): GatewayNotes {
  const config = { timeout_seconds: 3600, local: null, k8s: null };
  return { config, ...kUnchanged, deleted: true };
}

export function newNotes({ rollout_id, config }: NewGatewayRollout): GatewayNotes {
  return {
    ...(rollout_id ? { rollout_id } : {}),
    config,
    ...kUnchanged,
  };
}

export function gatewayIdOf(rollout: Rollout): string {
  return notesOf(rollout).rollout_id ?? rollout.rolloutId;
}

export function toGatewayRollout(rollout: Rollout & { readonly attempt?: Attempt }): GatewayRollout {
  const notes = notesOf(rollout);
  const { [kNotes]: _notes, ...metadata } = rollout.metadata;
  const reason = rollout.attempt?.metadata.error;
  return {
    rollout_id: notes.rollout_id ?? rollout.rolloutId,
    input: rollout.input,
    is_train: rollout.mode === null || rollout.mode === "train",
    config: notes.config,
    metadata: { batch_idx: null, sample_idx_in_batch: null, ...metadata },
    status: {
      state: stateOf(rollout.status),
      k8s_job_name: notes.k8s_job_name,
      last_attempt_id: notes.last_attempt_id,
      error_message: notes.error_message ?? (typeof reason === "string" ? reason : null),
      version: notes.version,
      created_at: rollout.startTime,
      updated_at: notes.updated_at ?? rollout.endTime ?? rollout.attempt?.startTime ?? rollout.startTime,
    },
  };
}

/** What groups rollouts of one task, as text. */
export function dataIdOf({ input }: Rollout): string | null {
  if (typeof input !== "object" || input === null) return null;
  const { data_id, instance_id } = input as Readonly<Record<string, unknown>>;
  const id = data_id ?? instance_id ?? null;
  return id === null || (typeof id === "string" && !isSpelled(id)) ? id : writeSpelled(id);
}

// --- internal ---

const kUnchanged = {
  k8s_job_name: null,
  last_attempt_id: null,
  error_message: null,
  version: 1,
  updated_at: null,
};
