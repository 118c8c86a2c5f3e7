// Finished records into the database, as a change among others.
import { argumentError } from "../../base/check.js";
import { checkBatch } from "../transfer-check.js";
import type { TransferBatch, TransferredRollout } from "../transfer-contract.js";
import type { Change } from "./changes.js";
import { keyOfSpan, type Ledger } from "./ledger.js";
import { toJson, toKey } from "./text.js";

/** Which workers are known is not known before they are locked: importLines looks before, and what is imported replaces. @throws E_STATE, E_ARGUMENT */
export function importRecords(batch: TransferBatch): Change<void> {
  const { resources = [], rollouts = [], workers = [] } = batch;
  for (const { rollout } of rollouts)
    if (toKey(rollout.rolloutId) !== rollout.rolloutId)
      throw argumentError("store import", "rollout ids of plain characters", rollout.rolloutId);
  const bodies = rollouts.map(({ spans }) => spans.map((span) => toJson("store.importRecords", span)));
  return {
    who: "importRecords",
    rolloutIds: rollouts.map(({ rollout }) => rollout.rolloutId),
    ...(resources.length === 0
      ? {}
      : { resourcesIds: resources.map(({ resourcesId }) => resourcesId), addsResources: true }),
    size: bodies.reduce((sum, { length }) => sum + length + 1, resources.length + workers.length),
    apply(ledger) {
      checkBatch(batch, {
        resources: (id) => ledger.resources.has(id),
        rollout: (id) => ledger.entries.has(id),
        worker: () => false,
      });
      for (const update of resources) {
        const { resourcesId, version, createTime } = update;
        ledger.resources.set(resourcesId, { version, createTime });
        ledger.latestResourcesId = resourcesId;
        ledger.newResources.push(update);
      }
      rollouts.forEach((rollout, i) => {
        importRollout(ledger, rollout, bodies[i] ?? []);
      });
      for (const worker of workers) ledger.changeWorker(worker.workerId, () => worker);
      return () => undefined;
    },
  };
}

// --- internal ---

function importRollout(
  ledger: Ledger,
  { rollout, attempts, spans }: TransferredRollout,
  bodies: readonly string[],
): void {
  const entry = ledger.addRollout(rollout);
  entry.attempts.push(...attempts);
  const known = new Set(attempts.map(({ attemptId }) => attemptId));
  spans.forEach((span, i) => {
    const key = keyOfSpan(span);
    if (!known.has(span.attemptId) || ledger.spanKeys.has(key)) return;
    ledger.spanKeys.add(key);
    ledger.newSpans.push({ span, json: bodies[i] ?? "null" });
    entry.lastSequenceId = Math.max(entry.lastSequenceId, span.sequenceId);
  });
}
