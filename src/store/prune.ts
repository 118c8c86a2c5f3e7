// How long rollouts are kept: what ended long ago, or before so many others, is forgotten with its attempts and spans.
import { argumentError, checkInteger, checkNumber } from "../base/check.js";
import { wallClock } from "../base/clock.js";
import { LightningError } from "../base/error.js";
import type { LightningStore } from "./store.js";

export interface Retention {
  /** Rollouts that ended longer ago are forgotten. Absent: however long ago. */
  readonly olderThanSeconds?: number;
  /** The newest so many that have ended are kept, however long ago. Absent: none is kept for that. */
  readonly keep?: number;
}

/** @throws E_ARGUMENT without a limit, which would forget everything that has ended */
export function checkRetention(who: string, { olderThanSeconds, keep }: Retention): void {
  if (olderThanSeconds === undefined && keep === undefined)
    throw argumentError(who, "olderThanSeconds, keep, or both", undefined);
  if (olderThanSeconds !== undefined) checkNumber(who, "olderThanSeconds", olderThanSeconds, { min: 0 });
  if (keep !== undefined) checkInteger(who, "keep", keep, { min: 0 });
}

/**
 * Forgets what is beyond both limits, the oldest first, in parts between which others write.
 * @returns how many rollouts @throws E_ARGUMENT, E_STORE
 */
export async function pruneRollouts(
  store: LightningStore,
  retention: Retention,
  signal?: AbortSignal,
): Promise<number> {
  checkRetention("pruneRollouts", retention);
  const { olderThanSeconds, keep = 0 } = retention;
  const before =
    olderThanSeconds === undefined ? Number.POSITIVE_INFINITY : wallClock.now() / 1000 - olderThanSeconds;
  for (let count = 0; ; ) {
    signal?.throwIfAborted();
    const ended = await store.queryRollouts({ statusIn: kEnded, sortBy: "endTime", limit: kPart });
    const surplus = ended.items.slice(0, Math.max(ended.total - keep, 0));
    const ids = surplus.filter(({ endTime }) => (endTime ?? 0) < before).map(({ rolloutId }) => rolloutId);
    if (ids.length === 0) return count;
    if (await isDeleted(store, ids)) count += ids.length;
  }
}

// --- internal ---

const kPart = 200;
const kEnded = ["succeeded", "failed", "cancelled"] as const;

/** False: one of them was queued again meanwhile, and is not among those that ended when they are read again. */
async function isDeleted(store: LightningStore, rolloutIds: readonly string[]): Promise<boolean> {
  try {
    await store.deleteRollouts(rolloutIds);
    return true;
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_STATE") return false;
    throw error;
  }
}
