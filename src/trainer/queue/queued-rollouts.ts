// The rollouts that wait for runners or are worked on by them, and whose calls those are that come by the trainer's address.
import { LightningError } from "../../base/error.js";
import { isActive } from "../../store/life-cycle.js";
import type { LightningStore } from "../../store/store.js";
import type { ActiveContext } from "../../tracing/context.js";
import type { Attempt } from "../../types/rollout.js";
import type { QueuedAttempt } from "./queued-attempt.js";

export interface QueuedRollouts {
  /** @param begin  makes what answers the calls of an attempt */
  add(rolloutId: string, begin: (attemptId: string) => QueuedAttempt): void;
  /**
   * Whose call it is; the attempt "0" of 1.0's clients is the latest. "over": its rollout or attempt has ended; undefined: none of these.
   * Rejects with what the store rejects with
   */
  find(rolloutId: string, attemptId: string): Promise<ActiveContext | "over" | undefined>;
  /** The rollout has ended: all its calls are refused from now on. @returns the attempt, undefined when it made no call */
  end(rolloutId: string, attemptId: string | undefined): QueuedAttempt | undefined;
  /** Forgets a rollout whose calls are no longer wanted. */
  remove(rolloutId: string): void;
}

export function createQueuedRollouts(store: LightningStore): QueuedRollouts {
  const rollouts = new Map<string, QueuedRollout>();
  const look = async (rolloutId: string, attemptId: string) => {
    const latest = await latestAttempt(store, rolloutId);
    // As it is after the wait.
    const rollout = rollouts.get(rolloutId);
    if (latest === null) return undefined;
    // Of an earlier batch, or of another trainer's.
    if (rollout === undefined) return isAnswered(latest) ? undefined : "over";
    if (latest.attemptId !== attemptId && attemptId !== kAnyAttempt) {
      const { items } = await store.queryAttempts(rolloutId);
      return items.some((attempt) => attempt.attemptId === attemptId) ? "over" : undefined;
    }
    if (rollout.isOver || !isAnswered(latest)) return "over";
    return begin(rollout, latest.attemptId).context;
  };
  return {
    add: (rolloutId, begin) => rollouts.set(rolloutId, { begin, attempts: new Map(), isOver: false }),
    async find(rolloutId, attemptId) {
      const known = rollouts.get(rolloutId)?.attempts.get(attemptId)?.context;
      if (known === undefined) return await look(rolloutId, attemptId);
      return known.life.isOver ? "over" : known;
    },
    end(rolloutId, attemptId) {
      const rollout = rollouts.get(rolloutId);
      if (rollout === undefined) return undefined;
      rollout.isOver = true;
      endAll(rollout, `rollout ${rolloutId} has ended`);
      return attemptId === undefined ? undefined : rollout.attempts.get(attemptId);
    },
    remove(rolloutId) {
      const rollout = rollouts.get(rolloutId);
      if (rollout !== undefined) endAll(rollout, `rollout ${rolloutId} is not wanted any more`);
      rollouts.delete(rolloutId);
    },
  };
}

// --- internal ---

/** As 1.0's controllers call the only attempt that they make. */
const kAnyAttempt = "0";

interface QueuedRollout {
  readonly begin: (attemptId: string) => QueuedAttempt;
  readonly attempts: Map<string, QueuedAttempt>;
  isOver: boolean;
}

/** One that was silent and speaks again goes on. */
function isAnswered({ status }: Attempt): boolean {
  return isActive(status) || status === "unresponsive";
}

function begin(rollout: QueuedRollout, attemptId: string): QueuedAttempt {
  const { attempts } = rollout;
  const known = attempts.get(attemptId);
  if (known !== undefined) return known;
  endAll(rollout, "another attempt at the rollout was started");
  const attempt = rollout.begin(attemptId);
  attempts.set(attemptId, attempt);
  return attempt;
}

function endAll({ attempts }: QueuedRollout, reason: string): void {
  for (const attempt of attempts.values()) attempt.end(new DOMException(reason, "AbortError"));
}

async function latestAttempt(store: LightningStore, rolloutId: string): Promise<Attempt | null> {
  try {
    return await store.getLatestAttempt(rolloutId);
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_NOT_FOUND") return null;
    throw error;
  }
}
