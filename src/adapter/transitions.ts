// Spans of one attempt to model calls with their token ids, agents and rewards: the reference's TracerTraceToTriplet. Differences:
// 1. Two rewards after one call: the later wins, none moves to an earlier call (match-rewards.ts).
// 2. A call span that bears an agent's name itself belongs to that agent.
// 3. Calls come in the order of the attempt unless asked in the order of the tree.
import type { Span } from "../types/span.js";
import type { Transition } from "../types/transition.js";
import { findCalls } from "./find-calls.js";
import { matchRewards, type RewardMatch } from "./match-rewards.js";
import { toTransition } from "./model-call.js";
import { repairHierarchy, toSpanTree } from "./span-tree.js";

export interface TransitionOptions {
  /** Which span names are model calls. Default /openai\.chat\.completion/. */
  readonly callMatch?: RegExp;
  /** Only calls inside an agent whose name matches. Default: all, named "*" outside any agent. */
  readonly agentMatch?: RegExp;
  /** Moves spans that lost their context below the span that encloses them in time. Default true. */
  readonly repairHierarchy?: boolean;
  /** Leaves out calls below a span that carries a reward: a judge's own. Default true. */
  readonly excludeCallsInReward?: boolean;
  /** Which call a reward goes to. Default "first-occurrence". */
  readonly rewardMatch?: RewardMatch;
  /** Span of an emitted reward that is the rollout's and no call's: the final one. Default null: each emitted reward is a call's. */
  readonly finalRewardId?: string | null;
  /** "attempt": by sequence id; "tree": parents first, as the reference lists them. Default "attempt". */
  readonly order?: "attempt" | "tree";
}

/** @param spans  of one attempt, in any order that siblings are to keep in the tree */
export function toTransitions(spans: readonly Span[], options: TransitionOptions = {}): Transition[] {
  const root = toSpanTree(spans);
  if (root === null) return [];
  if (options.repairHierarchy ?? true) repairHierarchy(root);
  const calls = findCalls(root, {
    callMatch: options.callMatch ?? /openai\.chat\.completion/,
    agentMatch: options.agentMatch ?? null,
    excludeCallsInReward: options.excludeCallsInReward ?? true,
  });
  const { rewardMatch = "first-occurrence", finalRewardId = null } = options;
  const rewards = matchRewards(root, calls, rewardMatch, finalRewardId);
  const ordered =
    options.order === "tree" ? calls : calls.toSorted((a, b) => a.span.sequenceId - b.span.sequenceId);
  const begun = calls
    .map(({ span }) => span)
    .toSorted((a, b) => a.startTime - b.startTime || a.sequenceId - b.sequenceId);
  const orders = new Map(begun.map((span, order) => [span, order]));
  return ordered.map(({ span, agent }) =>
    toTransition({ span, agent, reward: rewards.get(span.spanId) ?? null, order: orders.get(span) ?? 0 }),
  );
}
