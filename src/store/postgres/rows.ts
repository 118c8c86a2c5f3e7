// Records to the columns of the write statements, and back.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { isQueued } from "../life-cycle.js";
import { deadlineOfEntry } from "../rollout-entry.js";
import type { Row } from "./database.js";
import { toLabels } from "./labels.js";
import type { Entry, SpanToKeep } from "./ledger.js";
import { toKey } from "./text.js";

/** A locked rollout. */
export function toEntry(row: Row): Entry {
  return {
    rollout: toRecord(row),
    attempts: row.attempts as Attempt[],
    lastSequenceId: row.last_sequence_id as number,
    state: "same",
    inputChanged: false,
    isNews: false,
  };
}

/** With the latest attempt, where there is one. */
export function toAttempted(row: Row): Rollout | AttemptedRollout {
  const attempt = (row.attempts as Attempt[]).at(-1);
  return attempt === undefined ? toRecord(row) : { ...toRecord(row), attempt };
}

/** In the order of the statement's parameters. */
export function insertColumns(entries: readonly Entry[], preparingSeconds: number): unknown[][] {
  return [
    entries.map(({ rollout }) => rollout.rolloutId),
    entries.map(({ rollout }) => isQueued(rollout.status)),
    entries.map(({ rollout }) => rollout.status),
    entries.map(({ rollout }) => rollout.mode),
    entries.map(({ rollout }) => rollout.startTime),
    entries.map(({ rollout }) => rollout.endTime),
    entries.map((entry) => deadlineColumn(entry, preparingSeconds)),
    entries.map(({ rollout }) => toBody(rollout)),
    entries.map(({ attempts }) => JSON.stringify(attempts)),
    entries.map(({ attempts }) => attempts.length),
    entries.map(inputColumn),
    entries.map(({ lastSequenceId }) => lastSequenceId),
    entries.map(({ rollout }) => toLabels(rollout.metadata)),
  ];
}

export function updateColumns(entries: readonly Entry[], preparingSeconds: number): unknown[][] {
  return [
    entries.map(({ rollout }) => rollout.rolloutId),
    entries.map(({ rollout }) => isQueued(rollout.status)),
    entries.map(({ rollout }) => rollout.status),
    entries.map(({ rollout }) => rollout.mode),
    entries.map(({ rollout }) => rollout.endTime),
    entries.map((entry) => deadlineColumn(entry, preparingSeconds)),
    entries.map(({ rollout }) => toBody(rollout)),
    entries.map(({ attempts }) => JSON.stringify(attempts)),
    entries.map(({ attempts }) => attempts.length),
    entries.map(({ lastSequenceId }) => lastSequenceId),
    entries.map(({ rollout }) => toLabels(rollout.metadata)),
    entries.map(({ isNews }) => isNews),
  ];
}

export function inputColumns(entries: readonly Entry[]): unknown[][] {
  return [entries.map(({ rollout }) => rollout.rolloutId), entries.map(inputColumn)];
}

export function spanColumns(spans: readonly SpanToKeep[]): unknown[][] {
  return [
    spans.map(({ span }) => span.rolloutId),
    spans.map(({ span }) => toKey(span.attemptId)),
    spans.map(({ span }) => toKey(span.spanId)),
    spans.map(({ span }) => span.sequenceId),
    spans.map(({ json }) => json),
  ];
}

export function spanKeyColumns(spans: readonly Span[]): unknown[][] {
  return [
    spans.map(({ rolloutId }) => toKey(rolloutId)),
    spans.map(({ attemptId }) => toKey(attemptId)),
    spans.map(({ spanId }) => toKey(spanId)),
  ];
}

export function workerColumns(workers: readonly Worker[]): unknown[][] {
  return [workers.map(({ workerId }) => toKey(workerId)), workers.map((worker) => JSON.stringify(worker))];
}

export function resourcesColumns(updates: readonly ResourcesUpdate[]): unknown[][] {
  return [
    updates.map(({ resourcesId }) => toKey(resourcesId)),
    updates.map(({ version }) => version),
    updates.map(({ createTime }) => createTime),
    updates.map((update) => JSON.stringify(update)),
  ];
}

// --- internal ---

// The input has a column of its own, which most changes of a rollout neither read nor write.
function toRecord({ body, input }: Row): Rollout {
  // Of an older store's, the body has no version.
  return { ...kUnbound, ...(body as Rollout), input };
}

const kUnbound = { resourcesVersion: null };

function toBody({ input: _, ...body }: Rollout): string {
  return JSON.stringify(body);
}

function inputColumn({ rollout }: Entry): string {
  return JSON.stringify(rollout.input) ?? "null";
}

function deadlineColumn(entry: Entry, preparingSeconds: number): number | null {
  const deadline = deadlineOfEntry(entry, preparingSeconds);
  return Number.isFinite(deadline) ? deadline : null;
}
