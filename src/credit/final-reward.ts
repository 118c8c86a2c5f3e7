// What a rollout earned: the number its agent returned, or the last primary reward it emitted. Never a silent 0.
import type { Span } from "../types/span.js";
import { rewardOfSpan } from "../types/span-reward.js";

export interface EmittedReward {
  readonly spanId: string;
  readonly value: number;
}

export interface FinalReward {
  /** Finite; null when there is a problem. */
  readonly reward: number | null;
  /** The outcome of a rollout without a usable reward (RolloutOutcome's words); null when there is a reward. */
  readonly problem: "no-reward" | "bad-reward" | null;
  /** Why, for people; null when there is a reward. */
  readonly error: string | null;
  /** Span that emitted it; null when the agent returned it, and when there is none. */
  readonly spanId: string | null;
  /** Primary rewards emitted besides the final one, in order. */
  readonly intermediate: readonly EmittedReward[];
}

/**
 * @param spans  of one attempt, in any order
 * @param agentResult  what the agent returned: a number is final, true is 1, false is 0; undefined (or null): the last emitted
 *   primary reward is final. Anything else, and a reward that is not finite, is a bad reward.
 */
export function finalReward(spans: readonly Span[], agentResult: unknown): FinalReward {
  const emitted = emittedRewards(spans);
  if (agentResult !== undefined && agentResult !== null) return judge(toNumber(agentResult), emitted);
  const last = emitted.at(-1);
  if (last !== undefined) return { ...judge(last.value, emitted.slice(0, -1)), spanId: last.spanId };
  return {
    reward: null,
    problem: "no-reward",
    error: "the agent returned nothing and emitted no reward; return a number or call emitReward",
    ...{ spanId: null, intermediate: [] },
  };
}

/** Why what an agent returned is no reward, in words; null when it is one, or nothing. */
export function rewardProblem(agentResult: unknown): string | null {
  if (agentResult === undefined || agentResult === null) return null;
  return judge(toNumber(agentResult), []).error;
}

/** Primary rewards in the order in which they were emitted (of spans, not of clocks). */
export function emittedRewards(spans: readonly Span[]): EmittedReward[] {
  return spans
    .toSorted((a, b) => a.sequenceId - b.sequenceId)
    .flatMap((span) => {
      const value = rewardOfSpan(span);
      return value === null ? [] : [{ spanId: span.spanId, value }];
    });
}

// --- internal ---

function toNumber(result: unknown): unknown {
  return typeof result === "boolean" ? Number(result) : result;
}

function judge(value: unknown, intermediate: readonly EmittedReward[]): FinalReward {
  if (typeof value === "number" && Number.isFinite(value))
    return { reward: value, problem: null, error: null, spanId: null, intermediate };
  return {
    reward: null,
    problem: "bad-reward",
    error: `expected a reward that is a finite number or a boolean, got ${describe(value)}`,
    ...{ spanId: null, intermediate },
  };
}

// Of its kind alone: rollouts with the same fault are counted together.
function describe(value: unknown): string {
  if (typeof value === "number") return `${value}; where there is nothing to divide or to measure, return 0`;
  if (typeof value === "string" || typeof value === "bigint")
    return `a value of type ${typeof value}; the agent returns how well it did, not what it found: compare, or write Number(value)`;
  if (Array.isArray(value)) return "an array; return one number, as their sum or mean";
  if (typeof value === "object")
    return "a value of type object; return its number alone, as in (await answer(task)).reward";
  return `a value of type ${typeof value}`;
}
