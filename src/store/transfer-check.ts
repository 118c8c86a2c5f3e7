// What every store checks before it keeps any record of a batch.
import { argumentError } from "../base/check.js";
import { alreadyKnown, type TransferBatch } from "./transfer-contract.js";

/** What a store knows, by id. */
export interface KnownIds {
  readonly resources: (resourcesId: string) => boolean;
  readonly rollout: (rolloutId: string) => boolean;
  readonly worker: (workerId: string) => boolean;
}

/** @throws E_STATE when an id is known, or twice in the batch; E_ARGUMENT when versions or attempts have holes */
export function checkBatch(
  { resources = [], rollouts = [], workers = [] }: TransferBatch,
  known: KnownIds,
): void {
  const versions = new Map<string, number>();
  for (const { resourcesId, version } of resources) {
    const before = versions.get(resourcesId) ?? 0;
    if (before === 0 && known.resources(resourcesId)) alreadyKnown("the resources", resourcesId);
    if (version !== before + 1)
      throw argumentError("store import", `version ${before + 1} of ${resourcesId}`, version);
    versions.set(resourcesId, version);
  }
  const given = new Set<string>();
  const checkNew = (what: string, id: string, isKnown: boolean) => {
    if (isKnown || given.has(`${what} ${id}`)) alreadyKnown(what, id);
    given.add(`${what} ${id}`);
  };
  for (const { rollout, attempts } of rollouts) {
    checkNew("rollout", rollout.rolloutId, known.rollout(rollout.rolloutId));
    if (
      attempts.some(({ rolloutId, sequenceId }, i) => rolloutId !== rollout.rolloutId || sequenceId !== i + 1)
    )
      throw argumentError("store import", `attempts of ${rollout.rolloutId}, numbered from 1`, attempts);
  }
  for (const { workerId } of workers) checkNew("worker", workerId, known.worker(workerId));
}
