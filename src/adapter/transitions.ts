// Spans of one attempt to model calls with their token ids, agents and rewards.
import type { Span } from "../types/span.js";
import type { Transition } from "../types/transition.js";
import { toTransition } from "./model-call.js";

export interface TransitionOptions {
  /** Which span names are model calls. Default /openai\.chat\.completion/. */
  readonly callMatch?: RegExp;
  /** Only calls inside an agent whose name matches; absent: all, named "*" outside any. */
  readonly agentMatch?: RegExp;
  /** Moves spans that lost their context below the span that encloses them in time. Default true. */
  readonly repairHierarchy?: boolean;
  /** Leaves out calls below a span that carries a reward: a judge's own. Default true. */
  readonly excludeCallsInReward?: boolean;
  /** Which call a reward goes to. Default "first-occurrence". */
  readonly rewardMatch?: "first-occurrence" | "first-sibling";
}

/**
 * Model calls in the order in which they began.
 * @param spans  of one attempt, in any order
 */
export function toTransitions(spans: readonly Span[], options: TransitionOptions = {}): Transition[] {
  const { callMatch = /openai\.chat\.completion/ } = options;
  return spans
    .filter((span) => callMatch.test(span.name))
    .toSorted((a, b) => a.startTime - b.startTime || a.sequenceId - b.sequenceId)
    .map((span) => toTransition(span, "*", null));
}
