// Finished records into the memory store's tables. Everything is checked before anything is kept.
import { argumentError } from "../base/check.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { MemoryTables } from "./memory-tables.js";
import { alreadyKnown, type TransferBatch, type TransferredRollout } from "./transfer-contract.js";

/** @throws E_STATE, E_ARGUMENT */
export function importIntoMemory(
  tables: MemoryTables,
  { resources = [], rollouts = [], workers = [] }: TransferBatch,
): void {
  const known = new Set(tables.resources.keys());
  const versions = new Map<string, ResourcesUpdate[]>();
  for (const update of resources) {
    if (known.has(update.resourcesId)) alreadyKnown("the resources", update.resourcesId);
    const before = versions.get(update.resourcesId) ?? [];
    if (update.version !== before.length + 1)
      throw argumentError(
        "store import",
        `version ${before.length + 1} of ${update.resourcesId}`,
        update.version,
      );
    before.push(update);
    versions.set(update.resourcesId, before);
  }
  checkNew(
    "rollout",
    rollouts.map(({ rollout }) => rollout.rolloutId),
    tables.entries,
  );
  checkNew(
    "worker",
    workers.map(({ workerId }) => workerId),
    tables.workers,
  );
  for (const [resourcesId, all] of versions) tables.resources.set(resourcesId, all);
  tables.latestResources = resources.at(-1) ?? tables.latestResources;
  for (const rollout of rollouts) keepRollout(tables, rollout);
  for (const worker of workers) tables.workers.set(worker.workerId, worker);
}

// --- internal ---

function checkNew(what: string, ids: readonly string[], known: ReadonlyMap<string, unknown>): void {
  const given = new Set<string>();
  for (const id of ids) {
    if (known.has(id) || given.has(id)) alreadyKnown(what, id);
    given.add(id);
  }
}

function keepRollout(tables: MemoryTables, { rollout, attempts, spans }: TransferredRollout): void {
  const entry = tables.addRollout(rollout);
  entry.attempts.push(...attempts);
  for (const { attemptId } of attempts) entry.spanIds.set(attemptId, new Set());
  for (const span of spans) {
    const spanIds = entry.spanIds.get(span.attemptId);
    if (spanIds === undefined || spanIds.has(span.spanId)) continue;
    spanIds.add(span.spanId);
    entry.spans.push(span);
    entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
  }
  // Queues it, and watches what still runs.
  tables.setRollout(entry, rollout);
}
