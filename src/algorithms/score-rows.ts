// Log-probabilities of training rows under the weights as they are now, and how far a step has moved them.
import type { Policy } from "../policy/policy.js";
import type { Metrics } from "../types/metrics.js";
import type { Trajectory } from "../types/transition.js";

/** @returns in the order of the rows, one number for each of tokens[1..]. Rejects as policy.score does */
export async function scoreRows(
  policy: Policy,
  adapter: string,
  rows: readonly Trajectory[],
): Promise<readonly ArrayLike<number>[]> {
  const out: ArrayLike<number>[] = rows.map(() => []);
  // One call for each temperature: a log-probability is under the distribution that sampled.
  for (const temperature of new Set(rows.map((row) => row.temperature))) {
    const indices = rows.flatMap((row, i) => (row.temperature === temperature ? [i] : []));
    const sequences = indices.map((i) => rows[i]?.tokens ?? []);
    const scores = await policy.score(sequences, { adapter, temperature });
    indices.forEach((index, i) => {
      out[index] = scores[i]?.logprobs ?? [];
    });
  }
  return out;
}

export interface MovedRow {
  readonly trajectory: Trajectory;
  /** Before the step, one number for each of tokens[1..]. */
  readonly oldLogprobs: ArrayLike<number>;
}

/**
 * Over the sampled tokens of the rows, with d the log-probability now less that before (held within +-20, as in the loss):
 *   ratio = e^d        kl = mean of e^d - 1 - d, which estimates KL(before || now) and is never negative (k3)
 */
export async function measureMove(
  policy: Policy,
  adapter: string,
  rows: readonly MovedRow[],
): Promise<Metrics> {
  const now = await scoreRows(
    policy,
    adapter,
    rows.map(({ trajectory }) => trajectory),
  );
  const total = { tokens: 0, kl: 0, ratio: 0, min: Number.POSITIVE_INFINITY, max: 0 };
  rows.forEach(({ trajectory, oldLogprobs }, r) => {
    trajectory.mask.forEach((counts, t) => {
      if (counts === 0) return;
      const moved = Number(now[r]?.[t]) - Number(oldLogprobs[t]);
      const d = Math.max(-kMostLogRatio, Math.min(kMostLogRatio, moved));
      const ratio = Math.exp(d);
      total.tokens += 1;
      // expm1: near 0, where most tokens are, e^d - 1 would cancel.
      total.kl += Math.expm1(d) - d;
      total.ratio += ratio;
      total.min = Math.min(total.min, ratio);
      total.max = Math.max(total.max, ratio);
    });
  });
  const { tokens } = total;
  if (tokens === 0) return {};
  return {
    "update/kl": total.kl / tokens,
    "update/ratio_mean": total.ratio / tokens,
    "update/ratio_min": total.min,
    "update/ratio_max": total.max,
  };
}

// --- internal ---

const kMostLogRatio = 20;
