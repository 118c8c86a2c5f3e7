// Finished records into the memory store's tables.
import type { MemoryTables } from "./memory-tables.js";
import { SpanIdSet } from "./span-id-set.js";
import { checkBatch } from "./transfer-check.js";
import type { TransferBatch, TransferredRollout } from "./transfer-contract.js";

/** @throws E_STATE, E_ARGUMENT */
export function importIntoMemory(tables: MemoryTables, batch: TransferBatch): void {
  checkBatch(batch, {
    resources: (id) => tables.resources.has(id),
    rollout: (id) => tables.entries.has(id),
    worker: (id) => tables.workers.has(id),
  });
  for (const update of batch.resources ?? []) tables.addResources(update);
  for (const rollout of batch.rollouts ?? []) keepRollout(tables, rollout);
  for (const worker of batch.workers ?? []) tables.workers.set(worker.workerId, worker);
}

// --- internal ---

function keepRollout(tables: MemoryTables, { rollout, attempts, spans }: TransferredRollout): void {
  const entry = tables.addRollout(rollout);
  entry.attempts.push(...attempts);
  for (const { attemptId } of attempts) entry.spanIds.set(attemptId, new SpanIdSet());
  for (const span of spans) {
    const spanIds = entry.spanIds.get(span.attemptId);
    if (spanIds === undefined || !spanIds.add(span.spanId)) continue;
    entry.spans.push(span);
    entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
  }
  // Queues it, and watches what still runs.
  tables.setRollout(entry, rollout);
}
