// Groups that teach nothing still count in the mean, without being computed: their share of the loss is exactly 0, its denominator is not.
import type { Aggregate } from "../policy/losses/aggregate.js";
import type { TrainingRow } from "./rows.js";

/** @returns the aggregate whose denominator is a count over all these rows; one that names its own `total`, and a sum, stay as they are */
export function countedAggregate(aggregate: Aggregate, rows: readonly TrainingRow[]): Aggregate {
  if (aggregate.by === "sum" || aggregate.total !== undefined) return aggregate;
  const sampled = rows.filter(({ trajectory }) => trajectory.mask.some((counts) => counts === 1));
  const total = countOf(aggregate.by, sampled);
  return total === 0 ? aggregate : { ...aggregate, total };
}

// --- internal ---

function countOf(by: Exclude<Aggregate["by"], "sum">, rows: readonly TrainingRow[]): number {
  if (by === "token")
    return rows.reduce((sum, { trajectory }) => sum + trajectory.mask.reduce((a, b) => a + b, 0), 0);
  if (by === "rollout") return new Set(rows.map(({ trajectory }) => trajectory.rolloutId)).size;
  if (by === "group") return new Set(rows.map(({ group }) => group)).size;
  return rows.length;
}
