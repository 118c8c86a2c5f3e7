// What a trainer asks of a reward: after the rollouts of a group, outside routing, what is each of them worth, and each of their calls.
import type { RolloutMode } from "./rollout.js";
import type { RolloutView } from "./rollout-view.js";

export interface Reward<Task = unknown> {
  /** Of its part, as in `reward/part/NAME`. */
  readonly name: string;
  /** What its scores are multiplied by. Default 1. */
  readonly weight?: number;
  /** `outcome`: a score a rollout. `process`: scores of calls, which stay with the call that earned them. */
  readonly kind: "outcome" | "process";
  /** `train`: not in evaluations, as a judge that costs money. Default "always". */
  readonly when?: "train" | "always";
  /** One score a rollout, in their order. What it throws drops the group: no score is never a silent 0. */
  score(
    group: RewardGroup<Task>,
    context: RewardContext,
  ): Promise<readonly RolloutScore[]> | readonly RolloutScore[];
}

/** The rollouts of one task that can be used, by sample. */
export interface RewardGroup<Task = unknown> {
  readonly task: Task;
  readonly rollouts: readonly RolloutView[];
}

export interface RewardContext {
  /** Aborts at the deadline and when the run is cancelled. */
  readonly signal: AbortSignal;
  readonly journal: Journal;
}

export interface RolloutScore {
  /** Finite; null: it says nothing about this rollout, or, of kind "process", what it says stands in `calls`. */
  readonly score: number | null;
  /** Why, for people and for what improves prompts. */
  readonly feedback?: string;
  readonly calls?: readonly { readonly spanId: string; readonly score: number }[];
}

/** Answers kept by the contents that decide them: a run that is resumed is given the same ones. */
export interface Journal {
  /**
   * The answer kept for these contents, or what `make` resolves to, which is on disk when this resolves; the same contents at once are made once.
   * @param contents  any JSON: equal text, equal contents
   */
  remember<T>(contents: unknown, make: () => Promise<T>): Promise<T>;
}

/** The rewards that are given in rollouts of a mode. */
export function rewardsOf<R extends Pick<Reward, "when">>(
  rewards: readonly R[],
  mode: RolloutMode,
): readonly R[] {
  return rewards.filter(({ when }) => mode === "train" || when !== "train");
}

/** Whether one of them scores rollouts: then an agent need not. */
export function givesOutcome(rewards: readonly Pick<Reward, "when" | "kind">[], mode: RolloutMode): boolean {
  return rewardsOf(rewards, mode).some(({ kind }) => kind === "outcome");
}
