// Which rollouts run in this process, by name: what a call that names its rollout is looked up in. At a global symbol, so that two copies of the
// package see the same rollouts. Those that ended are remembered for a while, to tell "over" from "unknown".
import type { ActiveContext } from "./context.js";

/** @returns to be called once, when the rollout has ended */
export function enterRollout(context: ActiveContext): () => void {
  const { live, ended } = registry();
  const { rolloutId, attemptId } = context.scope;
  const key = keyOf(rolloutId, attemptId);
  live.set(key, context);
  ended.delete(key);
  return () => {
    if (live.get(key) !== context) return;
    live.delete(key);
    ended.add(key);
    for (const oldest of ended) {
      if (ended.size <= kRemembered) return;
      ended.delete(oldest);
    }
  };
}

/** @returns "over" for one that has ended, undefined for one that nobody knows */
export function findRollout(rolloutId: string, attemptId: string): ActiveContext | "over" | undefined {
  const { live, ended } = registry();
  const key = keyOf(rolloutId, attemptId);
  return live.get(key) ?? (ended.has(key) ? "over" : undefined);
}

// --- internal ---

const kRollouts = Symbol.for("agentlightning.rollouts");
const kRemembered = 10_000;

interface Registry {
  readonly live: Map<string, ActiveContext>;
  /** Oldest first. */
  readonly ended: Set<string>;
}

function registry(): Registry {
  const holder = globalThis as { [kRollouts]?: Registry };
  holder[kRollouts] ??= { live: new Map(), ended: new Set() };
  return holder[kRollouts];
}

function keyOf(rolloutId: string, attemptId: string): string {
  return JSON.stringify([rolloutId, attemptId]);
}
