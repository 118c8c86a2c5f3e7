// Rollout-level credit: one advantage for each rollout, the same for all its calls. A rollout counts once in its group, however many
// calls it has (Agent Lightning 1.0, arXiv:2608.17528; counting calls instead is the bias that it fixed).
import type { Credit } from "../types/credit.js";

/** One term, which the algorithm compares by its own baseline and scale. */
export function broadcast(): Credit {
  return ({ rollouts }) => {
    const values = rollouts.map(({ reward }) => reward);
    return [{ of: "rollout", values, sets: values.map(() => 0), weight: 1 }];
  };
}
