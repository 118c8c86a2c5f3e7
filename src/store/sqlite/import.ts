// Finished records into the file, inside a transaction. Everything is checked before anything is kept.
import { argumentError } from "../../base/check.js";
import type { ResourcesUpdate } from "../../types/resources.js";
import { alreadyKnown, type TransferBatch, type TransferredRollout } from "../transfer-contract.js";
import { findResources, keepVersion } from "./resources.js";
import { attemptKey, isPlainId, toIdText, toJson } from "./rows.js";
import type { Tables } from "./tables.js";

/** @throws E_STATE, E_ARGUMENT */
export function importIntoSqlite(
  tables: Tables,
  { resources = [], rollouts = [], workers = [] }: TransferBatch,
): void {
  checkVersions(tables, resources);
  checkNew(
    "rollout",
    rollouts,
    ({ rollout }) => rollout.rolloutId,
    (id) => tables.hasRollout(id),
  );
  checkNew(
    "worker",
    workers,
    ({ workerId }) => workerId,
    (id) => tables.workers.find(id) !== null,
  );
  for (const { rollout, attempts } of rollouts)
    for (const id of [rollout.rolloutId, ...attempts.map(({ attemptId }) => attemptId)])
      if (!isPlainId(id)) throw argumentError("store import", "ids of printable ASCII", id);
  for (const update of resources) keepVersion(tables.db, update);
  for (const rollout of rollouts) keepRollout(tables, rollout);
  for (const worker of workers) tables.workers.set(worker);
}

// --- internal ---

const kAddSpan = `INSERT INTO spans (attempt, sequence, span_id, body) VALUES (?, ?, ?, ?)
  ON CONFLICT (attempt, span_id) DO NOTHING`;

function checkNew<T>(
  what: string,
  records: readonly T[],
  toId: (record: T) => string,
  isKnown: (id: string) => boolean,
): void {
  const given = new Set<string>();
  for (const id of records.map(toId)) {
    if (given.has(id) || isKnown(id)) alreadyKnown(what, id);
    given.add(id);
  }
}

function checkVersions({ db }: Tables, updates: readonly ResourcesUpdate[]): void {
  const versions = new Map<string, number>();
  for (const { resourcesId, version } of updates) {
    if (findResources(db, resourcesId) !== null) alreadyKnown("the resources", resourcesId);
    const expected = (versions.get(resourcesId) ?? 0) + 1;
    if (version !== expected)
      throw argumentError("store import", `version ${expected} of ${resourcesId}`, version);
    versions.set(resourcesId, version);
  }
}

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
    if (key !== undefined)
      tables.db.run(
        kAddSpan,
        key,
        span.sequenceId,
        toIdText(span.spanId),
        toJson("import", "the span", span),
      );
  }
}
