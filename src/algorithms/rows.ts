// From groups of rollouts to training rows: which groups carry a signal, what each rollout's advantage is, and the rows it is spread over.
import { broadcast } from "../credit/broadcast.js";
import { advantages, type GroupAdvantageOptions } from "../policy/advantages.js";
import type { Metrics } from "../types/metrics.js";
import type { RolloutResult, TaskGroup } from "../types/task-group.js";
import type { Trajectory } from "../types/transition.js";

export interface TrainingRow {
  readonly trajectory: Trajectory;
  /** Of its rollout, the same for all its rows (protocols 4.4). */
  readonly advantage: number;
  /** Of the task. */
  readonly group: number;
  /** Nothing in its group's rewards to learn from: all advantages are 0. */
  readonly isDead: boolean;
}

/** What becomes of groups without variance. */
export type DeadGroups = "drop" | "count";

export interface RowSet {
  readonly rows: readonly TrainingRow[];
  readonly metrics: Metrics;
}

/**
 * One advantage for each rollout, over its group. Groups without variance say nothing: dropped, or counted, they have rows all the same.
 * Rows by (task, sample), then by call.
 */
export function toRows(
  groups: readonly TaskGroup[],
  adapter: string,
  options: GroupAdvantageOptions,
  dead: DeadGroups,
): RowSet {
  const kept = dead === "count" ? groups : groups.filter((group) => hasVariance(group.rollouts));
  const rollouts = kept.flatMap((group) => group.rollouts);
  const values = advantages.group(
    rollouts.map((rollout) => rollout.reward ?? Number.NaN),
    rollouts.map((rollout) => rollout.task),
    options,
  );
  const taught = new Set(rollouts.filter((_, i) => values[i] !== 0).map((rollout) => rollout.task));
  const rows = broadcast(
    rollouts.map(({ trajectories, task }) =>
      trajectories
        .filter((trajectory) => trajectory.adapter === adapter)
        .map((trajectory) => ({ trajectory, group: task })),
    ),
    values,
  ).map(({ row, advantage }) => ({ ...row, advantage, isDead: !taught.has(row.group) }));
  const all = groups.flatMap((group) => group.rollouts);
  return {
    rows,
    metrics: {
      ...groupMetrics(groups),
      "rows/count": rows.length,
      "rows/tokens": rows.reduce((sum, row) => sum + row.trajectory.tokens.length, 0),
      "rows/sampled_tokens": rows.reduce((sum, row) => sum + sampledTokens(row.trajectory), 0),
      "rows/per_rollout":
        all.length === 0 ? 0 : all.reduce((sum, r) => sum + r.trajectories.length, 0) / all.length,
      "advantage/std": deviation(Array.from(values)),
    },
  };
}

// --- internal ---

function hasVariance(rollouts: readonly RolloutResult[]): boolean {
  return rollouts.some((rollout) => rollout.reward !== rollouts[0]?.reward);
}

function groupMetrics(groups: readonly TaskGroup[]): Metrics {
  const scored = groups.filter((group) => group.rollouts.length > 0);
  const share = (count: number) => (scored.length === 0 ? 0 : count / scored.length);
  const dead = scored.filter((group) => !hasVariance(group.rollouts));
  const rewards = scored.flatMap((group) => group.rollouts.map(({ reward }) => reward ?? Number.NaN));
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  // What rounding can make of a mean of equal rewards is on neither side of it.
  const rounding = rewards.length * Number.EPSILON * Math.max(...rewards.map(Math.abs), 0);
  const above = dead.map((group) => (group.rollouts[0]?.reward ?? Number.NaN) - mean);
  return {
    "groups/count": scored.length,
    "groups/dead": share(dead.length),
    "groups/dead_above": share(above.filter((difference) => difference > rounding).length),
    "groups/dead_below": share(above.filter((difference) => difference < -rounding).length),
  };
}

function sampledTokens(trajectory: Trajectory): number {
  return trajectory.mask.reduce((sum, mask) => sum + mask, 0);
}

function deviation(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
