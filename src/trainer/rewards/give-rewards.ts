// Rewards after the rollouts of a batch: every group scored at once, its parts combined. A group of which a reward fails is dropped.
import { toRolloutView } from "../../adapter/rollout-view.js";
import type { Journal, Reward, RolloutScore } from "../../types/reward.js";
import { rewardsOf } from "../../types/reward.js";
import type { RolloutMode } from "../../types/rollout.js";
import type { RolloutResult } from "../../types/task-group.js";
import type { Trajectory } from "../../types/transition.js";
import type { Settings } from "../options.js";
import type { FinishedRollout } from "../rollouts/batch-rollout.js";
import { combineParts } from "./combine.js";
import { scoreGroup } from "./score-group.js";

export interface RewardGiver {
  /** Whether there are any in this mode. */
  isDue(mode: RolloutMode): boolean;
  /** The rollouts in their order, with what they earned. Rejects with the signal's reason. */
  give(request: RewardRequest): Promise<readonly FinishedRollout[]>;
}

export interface RewardRequest {
  readonly tasks: readonly unknown[];
  readonly rollouts: readonly FinishedRollout[];
  readonly mode: RolloutMode;
  readonly signal: AbortSignal;
}

type RewardSettings = Pick<Settings, "rewards" | "combine" | "timeoutMs">;

export function createRewardGiver(settings: RewardSettings, journal: Journal): RewardGiver {
  return {
    isDue: (mode) => rewardsOf(settings.rewards, mode).length > 0,
    async give({ tasks, rollouts, mode, signal }) {
      const rewards = rewardsOf(settings.rewards, mode);
      if (rewards.length === 0) return rollouts;
      const combine = mode === "train" ? settings.combine : "sum";
      const given = new Map<FinishedRollout, FinishedRollout>();
      const groups = tasks.map(async (task, index) => {
        const own = rollouts.filter(({ result }) => result.task === index && isUsable(result));
        if (own.length === 0) return;
        const views = own.map(({ spans, result }) => toRolloutView(spans, result));
        try {
          const group = { task: task as never, rollouts: views };
          const scores = await scoreGroup(rewards, group, { ...settings, journal, signal });
          for (const [i, one] of rewarded(own, rewards, scores, combine).entries())
            given.set(own[i] ?? one, one);
        } catch (error) {
          signal.throwIfAborted();
          const why = error instanceof Error ? error.message : String(error);
          for (const one of own) given.set(one, { ...one, result: unscored(one.result, why) });
        }
      });
      await Promise.all(groups);
      return rollouts.map((one) => given.get(one) ?? one);
    },
  };
}

// --- internal ---

/** With a reward, or with one that is to be given. */
function isUsable({ outcome, reward }: RolloutResult): boolean {
  return reward !== null || outcome === "ok";
}

function unscored(result: RolloutResult, error: string): RolloutResult {
  return { ...result, outcome: "unscored", reward: null, parts: {}, error };
}

function rewarded(
  own: readonly FinishedRollout[],
  rewards: readonly Reward<never>[],
  scores: readonly (readonly RolloutScore[])[],
  combine: Settings["combine"],
): FinishedRollout[] {
  const agent = { weight: 1, values_G: own.map(({ result }) => result.reward) };
  const others = rewards.flatMap(({ kind, weight = 1 }, k) =>
    kind === "process" ? [] : [{ weight, values_G: (scores[k] ?? []).map(({ score }) => score) }],
  );
  const totals = combineParts([agent, ...others], combine);
  return own.map(({ result, spans }, i) => {
    const total = totals[i] ?? null;
    if (total === null)
      return {
        spans,
        result: unscored(
          result,
          "the agent returned no reward, and no reward of the trainer's said anything",
        ),
      };
    const of = rewards.map((reward, k) => ({ reward, ...scores[k]?.[i] }));
    const parts = { ...result.parts, ...Object.fromEntries(of.flatMap(partOf)) };
    const byCall = callRewards(of);
    const trajectories = byCall.size === 0 ? result.trajectories : result.trajectories.map(withCalls(byCall));
    return { spans, result: { ...result, reward: total, parts, trajectories } };
  });
}

type Given = { readonly reward: Reward<never> } & Partial<RolloutScore>;

/** As it was given, before its weight; of kind "process" the sum over its calls. */
function partOf({ reward: { name, kind }, score, calls = [] }: Given): [string, number][] {
  if (kind === "process") return [[name, calls.reduce((sum, call) => sum + call.score, 0)]];
  return score === null || score === undefined ? [] : [[name, score]];
}

function callRewards(of: readonly Given[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { reward, calls = [] } of of)
    for (const { spanId, score } of calls)
      sums.set(spanId, (sums.get(spanId) ?? 0) + (reward.weight ?? 1) * score);
  return sums;
}

/** What a call emitted for itself stays beside it. */
function withCalls(byCall: ReadonlyMap<string, number>): (row: Trajectory) => Trajectory {
  return (row) => ({
    ...row,
    transitions: row.transitions.map((call) => {
      const given = byCall.get(call.spanId);
      return given === undefined ? call : { ...call, reward: (call.reward ?? 0) + given };
    }),
  });
}
