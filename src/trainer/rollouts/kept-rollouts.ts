// How much of a run stays in a store that the trainer made for itself: nobody else can reach it, and it lies in memory.
import { isEnded } from "../../store/life-cycle.js";
import type { LightningStore } from "../../store/store.js";

export interface KeptRollouts {
  /** After a batch, whether it went well or not: its rollouts are kept, those of the oldest batch of its kind beyond the limit forgotten. */
  settle(kind: string): Promise<void>;
}

/** @param limits  batches by kind; default 1 */
export function createKeptRollouts(
  store: LightningStore,
  limits: Readonly<Record<string, number>>,
): KeptRollouts {
  /** Rollout ids by batch, oldest first. */
  const batches = new Map<string, string[][]>();
  return {
    async settle(kind) {
      const { items } = await store.queryRollouts();
      const known = new Set([...batches.values()].flat(2));
      const ended = items.filter(({ status }) => isEnded(status)).map(({ rolloutId }) => rolloutId);
      const kept = [...(batches.get(kind) ?? []), ended.filter((id) => !known.has(id))];
      const surplus = kept.splice(0, kept.length - (limits[kind] ?? 1));
      batches.set(kind, kept);
      await store.deleteRollouts(surplus.flat());
    },
  };
}
