// From groups of rollouts to training rows: which groups carry a signal, what each call's advantage is, and the rows they are spread over.
import type { Credit } from "../types/credit.js";
import type { Metrics } from "../types/metrics.js";
import type { TaskGroup } from "../types/task-group.js";
import type { Trajectory } from "../types/transition.js";
import { type Compare, type CreditedGroup, type CreditedRollout, creditGroups } from "./credited-calls.js";

export interface TrainingRow {
  readonly trajectory: Trajectory;
  /** One number for all its tokens where its calls have one, else one for each of tokens[1..]: that of its call, 0 where nothing was sampled. */
  readonly advantages: number | readonly number[];
  /** Of the task. */
  readonly group: number;
  /** Nothing in its group to learn from: all advantages are 0. */
  readonly isDead: boolean;
}

/** What becomes of groups that say nothing. */
export type DeadGroups = "drop" | "count";

export interface RowOptions {
  readonly adapter: string;
  readonly credit: Credit;
  /** For terms that leave it to the algorithm. */
  readonly compare: Compare;
  readonly dead: DeadGroups;
}

export interface RowSet {
  readonly rows: readonly TrainingRow[];
  readonly metrics: Readonly<Record<string, number>>;
  /** Of every model call with token ids, by span id. */
  readonly advantages: Readonly<Record<string, number>>;
}

/**
 * Advantages of all calls, and rows of one adapter by (task, sample), then by content. A group is dead when all its advantages are 0: dropped,
 * what is compared over the whole step is compared again without it; counted, it has rows all the same.
 * @throws E_ARGUMENT for a credit that gives no terms
 */
export function toRows(groups: readonly TaskGroup[], options: RowOptions): RowSet {
  const { adapter, credit, compare, dead } = options;
  const all = creditGroups(groups, credit, compare);
  const deadGroups = new Set(all.filter(isDead).map(({ group }) => group));
  const living = groups.filter((group) => !deadGroups.has(group));
  const kept = dead === "count" || deadGroups.size === 0 ? all : creditGroups(living, credit, compare);
  const rows = kept.flatMap(({ group, rollouts }) =>
    rollouts.flatMap((credited) =>
      credited.rollout.trajectories
        .filter((trajectory) => trajectory.adapter === adapter)
        .map((trajectory) => ({
          ...{ trajectory, advantages: rowAdvantages(trajectory, credited) },
          ...{ group: group.task, isDead: deadGroups.has(group) },
        })),
    ),
  );
  const spread = kept.flatMap(({ rollouts }) => rollouts.flatMap(numbersOf));
  const metrics = { ...groupMetrics(groups, deadGroups), ...rowMetrics(groups, rows) };
  return {
    rows,
    metrics: { ...metrics, "advantage/std": deviation(spread), ...anchorMetrics(all) },
    advantages: callAdvantages(groups, kept),
  };
}

// --- internal ---

function isDead({ rollouts }: CreditedGroup): boolean {
  return rollouts.every((credited) => numbersOf(credited).every((value) => value === 0));
}

/** One for the rollout, or one for each call where calls differ. */
function numbersOf({ ofRollout, ofCalls }: CreditedRollout): number[] {
  return ofCalls.size === 0 ? [ofRollout] : [...ofCalls.values()].map((value) => ofRollout + value);
}

function rowAdvantages(
  { tokens, transitions }: Trajectory,
  { ofRollout, ofCalls }: CreditedRollout,
): number | readonly number[] {
  const values = transitions.map((call) => ofRollout + (ofCalls.get(call) ?? 0));
  const [first = ofRollout] = values;
  if (values.every((value) => value === first)) return first;
  const out = tokens.map(() => 0);
  transitions.forEach(({ promptIds, responseIds }, i) => {
    out.fill(values[i] ?? 0, promptIds.length, promptIds.length + responseIds.length);
  });
  return out.slice(1);
}

function callAdvantages(
  groups: readonly TaskGroup[],
  kept: readonly CreditedGroup[],
): Record<string, number> {
  const calls = groups.flatMap(({ rollouts }) =>
    rollouts.flatMap(({ trajectories }) => trajectories.flatMap(({ transitions }) => transitions)),
  );
  const out = Object.fromEntries(calls.map(({ spanId }) => [spanId, 0]));
  for (const { rollouts } of kept)
    for (const { rollout, ofRollout, ofCalls } of rollouts)
      for (const { transitions } of rollout.trajectories)
        for (const call of transitions) out[call.spanId] = ofRollout + (ofCalls.get(call) ?? 0);
  return out;
}

function groupMetrics(groups: readonly TaskGroup[], deadGroups: ReadonlySet<TaskGroup>): Metrics {
  const scored = groups.filter((group) => group.rollouts.length > 0);
  const share = (count: number) => (scored.length === 0 ? 0 : count / scored.length);
  const dead = scored.filter((group) => deadGroups.has(group));
  const rewards = scored.flatMap(rewardsOf);
  const mean = meanOf(rewards);
  // What rounding can make of a mean of equal rewards is on neither side of it.
  const rounding = rewards.length * Number.EPSILON * Math.max(...rewards.map(Math.abs), 0);
  const above = dead.map((group) => meanOf(rewardsOf(group)) - mean);
  return {
    "groups/count": scored.length,
    "groups/dead": share(dead.length),
    "groups/dead_above": share(above.filter((difference) => difference > rounding).length),
    "groups/dead_below": share(above.filter((difference) => difference < -rounding).length),
  };
}

/** Absent where no term compares calls. */
function anchorMetrics(groups: readonly CreditedGroup[]): Metrics {
  const counts = groups.flatMap(({ anchored }) => (anchored === null ? [] : [anchored]));
  const of = counts.reduce((sum, count) => sum + count.of, 0);
  return of === 0 ? {} : { "credit/anchored": counts.reduce((sum, count) => sum + count.calls, 0) / of };
}

function rowMetrics(groups: readonly TaskGroup[], rows: readonly TrainingRow[]): Metrics {
  const all = groups.flatMap((group) => group.rollouts);
  return {
    "rows/count": rows.length,
    "rows/tokens": rows.reduce((sum, row) => sum + row.trajectory.tokens.length, 0),
    "rows/sampled_tokens": rows.reduce((sum, row) => sum + sampledTokens(row.trajectory), 0),
    "rows/per_rollout":
      all.length === 0 ? 0 : all.reduce((sum, r) => sum + r.trajectories.length, 0) / all.length,
  };
}

const rewardsOf = ({ rollouts }: TaskGroup) => rollouts.map(({ reward }) => reward ?? Number.NaN);
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function sampledTokens(trajectory: Trajectory): number {
  return trajectory.mask.reduce((sum, mask) => sum + mask, 0);
}

function deviation(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}
