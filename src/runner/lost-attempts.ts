// Attempts whose runner is gone: a worker that once gave signs of life and gives none any more. They become unresponsive, and their
// rollouts are tried again by their rules. What needs no unresponsiveSeconds in a rollout's configuration, and no common clock.
import { clearTimeout, performance, setTimeout } from "../base/clock.js";
import type { LightningStore } from "../store/store.js";
import type { AttemptedRollout, Rollout } from "../types/rollout.js";
import { isRefused } from "./patience.js";

export interface LostAttemptsOptions {
  readonly store: LightningStore;
  /** A worker is gone that gave no sign of life for so long, as seen from here. */
  readonly lostAfterMs: number;
  onLost(rolloutId: string, workerId: string): void;
  onError(error: unknown): void;
}

/** Looks again and again. @returns stops */
export function watchLostAttempts(options: LostAttemptsOptions): () => void {
  const seen = new Map<string, Sign>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const look = async () => {
    try {
      await endLost(options, seen);
    } catch (error) {
      options.onError(error);
    }
    if (isStopped) return;
    timer = setTimeout(() => void look(), options.lostAfterMs / 4);
    timer.unref();
  };
  void look();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

// --- internal ---

/** A worker's last sign of life, by its own clock, and when it was first seen here, by ours. */
interface Sign {
  readonly time: number;
  readonly seenAt: number;
  /** Silent, and nothing of it runs: it gets nothing without a new sign of life. */
  isDone: boolean;
}

const kPage = 500;

async function endLost(options: LostAttemptsOptions, seen: Map<string, Sign>): Promise<void> {
  const { store, lostAfterMs } = options;
  const silent = new Map<string, Sign>();
  const now = performance.now();
  for await (const { workerId, lastHeartbeatTime } of pages((page) => store.queryWorkers(page))) {
    if (lastHeartbeatTime === null) continue;
    const sign = seen.get(workerId);
    if (sign?.time !== lastHeartbeatTime)
      seen.set(workerId, { time: lastHeartbeatTime, seenAt: now, isDone: false });
    else if (!sign.isDone && now - sign.seenAt > lostAfterMs) silent.set(workerId, sign);
  }
  if (silent.size === 0) return;
  const statusIn = ["preparing", "running"] as const;
  const lost: AttemptedRollout[] = [];
  for await (const rollout of pages((page) => store.queryRollouts({ ...page, statusIn })))
    if (isOf(rollout, silent)) lost.push(rollout);
  for (const { rolloutId, attempt } of lost) {
    try {
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "unresponsive" });
      options.onLost(rolloutId, String(attempt.workerId));
    } catch (error) {
      // Somebody else was faster, or it has just ended.
      if (!isRefused(error)) throw error;
    }
  }
  for (const sign of silent.values()) sign.isDone = true;
}

function isOf(
  rollout: Rollout | AttemptedRollout,
  workers: ReadonlyMap<string, Sign>,
): rollout is AttemptedRollout {
  if (!("attempt" in rollout)) return false;
  const { status, workerId } = rollout.attempt;
  return (status === "preparing" || status === "running") && workerId !== null && workers.has(workerId);
}

async function* pages<T>(
  query: (page: {
    readonly limit: number;
    readonly offset: number;
  }) => Promise<{ readonly items: readonly T[] }>,
): AsyncGenerator<T> {
  for (let offset = 0; ; offset += kPage) {
    const { items } = await query({ limit: kPage, offset });
    yield* items;
    if (items.length < kPage) return;
  }
}
