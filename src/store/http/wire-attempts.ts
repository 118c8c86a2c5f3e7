// Attempts of ours and of the wire, both ways. An attempt's {} of ours goes out as null, unless {} is what a client gave it. Ours have no
// worker without a name: 0.3's "" goes by a name on our side.
import type { z } from "zod";
import type { Attempt } from "../../types/rollout.js";
import { checkWorkerId } from "../new-records.js";
import type { AttemptChanges } from "../store-records.js";
import type { WireAttempt } from "./wire-records.js";
import type { attemptChangesSchema } from "./wire-requests.js";

export function toWireAttempt(attempt: Attempt): WireAttempt {
  return {
    rollout_id: attempt.rolloutId,
    attempt_id: attempt.attemptId,
    sequence_id: attempt.sequenceId,
    start_time: attempt.startTime,
    end_time: attempt.endTime,
    status: attempt.status,
    worker_id: toWireWorkerId(attempt.workerId),
    last_heartbeat_time: attempt.lastHeartbeatTime,
    metadata: toWireAttemptMetadata(attempt.metadata),
  };
}

export function fromWireAttempt(wire: WireAttempt): Attempt {
  return {
    rolloutId: wire.rollout_id,
    attemptId: wire.attempt_id,
    sequenceId: wire.sequence_id,
    status: wire.status,
    workerId: wire.worker_id,
    startTime: wire.start_time,
    endTime: wire.end_time,
    lastHeartbeatTime: wire.last_heartbeat_time,
    metadata: wire.metadata ?? {},
  };
}

export function toWireAttemptChanges(changes: AttemptChanges) {
  const { status, workerId, lastHeartbeatTime, metadata } = changes;
  return {
    status,
    worker_id: checkWorkerId("updateAttempt", workerId),
    last_heartbeat_time: lastHeartbeatTime,
    metadata,
  };
}

/** Of a body without null. */
export function fromWireAttemptChanges(wire: z.infer<typeof attemptChangesSchema>): AttemptChanges {
  return {
    status: wire.status ?? undefined,
    workerId: fromWireWorkerId(wire.worker_id) ?? undefined,
    lastHeartbeatTime: wire.last_heartbeat_time ?? undefined,
    metadata:
      wire.metadata && isEmpty(wire.metadata) ? { [kGivenEmpty]: true } : (wire.metadata ?? undefined),
  };
}

/** Of requests; null: no worker. */
export function fromWireWorkerId(workerId: string | null | undefined): string | null {
  return workerId === "" ? kNameless : (workerId ?? null);
}

/** As a client knows it. */
export function toWireWorkerId(workerId: string | null): string | null {
  return workerId === kNameless ? "" : workerId;
}

// --- internal ---

const kNameless = "agentlightning.nameless";
const kGivenEmpty = "agentlightning.empty";

function toWireAttemptMetadata(metadata: Attempt["metadata"]): WireAttempt["metadata"] {
  if (isEmpty(metadata)) return null;
  return metadata[kGivenEmpty] === true ? {} : metadata;
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}
