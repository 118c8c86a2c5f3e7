// A runner's signs of life, and the store's word on what it runs: attempts that were cancelled, ended or given to another are aborted.
import { clearTimeout, performance, setTimeout } from "../base/clock.js";
import type { LightningStore } from "../store/store.js";
import type { AttemptedRollout } from "../types/rollout.js";
import type { Attributes } from "../types/span.js";
import { isRefused } from "./patience.js";

export interface PulseOptions {
  readonly store: LightningStore;
  readonly workerId: string;
  /** At least so often; more often where a rollout asks for signs of life. */
  readonly heartbeatMs: number;
  stats(): Attributes;
  /** Told of beats that the store did not take. */
  onError(error: unknown): void;
}

export interface Beating {
  readonly claimed: AttemptedRollout;
  isAlive(): boolean;
  /** Ends the attempt here. */
  abort(reason: string): void;
}

export interface Pulse {
  /** @returns stops beating for it */
  add(beating: Beating): () => void;
  /** One beat now. */
  beat(): Promise<void>;
  close(): void;
}

export function createPulse(options: PulseOptions): Pulse {
  const active = new Set<Active>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const beat = async () => {
    try {
      await options.store.heartbeat(options.workerId, options.stats());
      if (active.size > 0) await beatAll(options.store, [...active], (one) => active.has(one));
    } catch (error) {
      options.onError(error);
    }
  };
  const schedule = () => {
    clearTimeout(timer);
    if (isClosed) return;
    const delay = Math.min(options.heartbeatMs, ...[...active].map(({ beating }) => patienceOf(beating)));
    timer = setTimeout(() => void beat().then(schedule), delay);
  };
  schedule();
  return {
    add: (beating) => {
      const one = { beating, since: performance.now() };
      active.add(one);
      if (patienceOf(beating) < options.heartbeatMs) schedule();
      return () => void active.delete(one);
    },
    beat,
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

// --- internal ---

interface Active {
  readonly beating: Beating;
  readonly since: number;
}

/** Three beats in the time that a rollout allows between two. */
function patienceOf({ claimed }: Beating): number {
  return Math.max((claimed.config.unresponsiveSeconds ?? Number.POSITIVE_INFINITY) * 333, 20);
}

async function beatAll(
  store: LightningStore,
  active: readonly Active[],
  isActive: (one: Active) => boolean,
): Promise<void> {
  const rolloutIdIn = active.map(({ beating }) => beating.claimed.rolloutId);
  const { items } = await store.queryRollouts({ rolloutIdIn });
  const byId = new Map(items.map((rollout) => [rollout.rolloutId, rollout]));
  for (const one of active) {
    const { beating } = one;
    const { rolloutId, attempt } = beating.claimed;
    if (!isActive(one)) continue;
    const rollout = byId.get(rolloutId);
    const latest = rollout !== undefined && "attempt" in rollout ? rollout.attempt : undefined;
    if (rollout?.status === "cancelled") beating.abort("the rollout was cancelled");
    else if (latest?.attemptId !== attempt.attemptId)
      beating.abort("another attempt at the rollout was started");
    else if (latest.status === "timeout") beating.abort("the attempt ran out of time");
    else if (latest.status === "failed" || latest.status === "succeeded")
      beating.abort(`the attempt was ended as ${latest.status}`);
    else if (rollout?.status === "succeeded") beating.abort("the rollout was ended as succeeded");
    else if (beating.isAlive()) await beatOne(store, one);
  }
}

async function beatOne(store: LightningStore, { beating, since }: Active): Promise<void> {
  const { rolloutId, attempt } = beating.claimed;
  // By the store's clock: its watchdog compares this with its own time.
  const lastHeartbeatTime = attempt.startTime + (performance.now() - since) / 1000;
  try {
    await store.updateAttempt(rolloutId, attempt.attemptId, { lastHeartbeatTime });
  } catch (error) {
    if (!isRefused(error)) throw error;
    beating.abort("the store has ended the attempt");
  }
}
