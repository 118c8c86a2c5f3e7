// Finished records into the file, inside a transaction. Everything is checked before anything is kept.
import { argumentError } from "../../base/check.js";
import { checkBatch } from "../transfer-check.js";
import type { TransferBatch, TransferredRollout } from "../transfer-contract.js";
import { bundlesOf, keepVersion } from "./resources.js";
import { attemptKey, isPlainId, toJson } from "./rows.js";
import { keepSpan } from "./spans.js";
import type { Tables } from "./tables.js";

/** @throws E_STATE, E_ARGUMENT */
export function importIntoSqlite(tables: Tables, batch: TransferBatch): void {
  const { resources = [], rollouts = [], workers = [] } = batch;
  const bundles = bundlesOf(tables.db);
  checkBatch(batch, {
    resources: (id) => bundles.newest(id) !== null,
    rollout: (id) => tables.hasRollout(id),
    worker: (id) => tables.workers.find(id) !== null,
  });
  for (const { rollout, attempts } of rollouts)
    for (const id of [rollout.rolloutId, ...attempts.map(({ attemptId }) => attemptId)])
      if (!isPlainId(id)) throw argumentError("store import", "ids of printable ASCII", id);
  for (const update of resources) keepVersion(tables.db, update);
  for (const rollout of rollouts) keepRollout(tables, rollout);
  for (const worker of workers) tables.workers.set(worker);
}

// --- internal ---

function keepRollout(tables: Tables, { rollout, attempts, spans }: TransferredRollout): void {
  const entry = tables.addRollout(rollout, toJson("import", "input", rollout.input) ?? null);
  entry.attempts.push(...attempts);
  // Watches what still runs.
  tables.setRollout(entry, rollout);
  const keys = new Map(
    attempts.map(({ attemptId, sequenceId }) => [attemptId, attemptKey(entry.key, sequenceId)]),
  );
  for (const span of spans) {
    const key = keys.get(span.attemptId);
    if (key !== undefined) keepSpan(tables, key, span, toJson("import", "the span", span));
  }
}
