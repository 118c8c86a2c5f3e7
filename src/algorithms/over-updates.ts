// One number of a step from those of its updates. An extreme of a step is an extreme: the mean of several smallest ratios is nobody's ratio.
import type { MetricName, Metrics } from "../types/metrics.js";

export interface UpdateNumbers {
  /** Tokens that counted in its loss. */
  readonly tokens: number;
  readonly metrics: Metrics;
}

/** Folds by name; what is not named here is a mean over tokens. A number that only some updates have is of those. */
export function overUpdates(updates: readonly UpdateNumbers[]): Metrics {
  const names = new Set(updates.flatMap(({ metrics }) => Object.keys(metrics) as MetricName[]));
  const out: Metrics = {};
  for (const name of names) {
    const having = updates.filter(({ metrics }) => metrics[name] !== undefined);
    const values = having.map(({ metrics }) => metrics[name] ?? Number.NaN);
    const fold = kFolds[name];
    out[name] = fold === undefined ? tokenMean(values, having) : fold(values);
  }
  return out;
}

// --- internal ---

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const kFolds: Partial<Record<MetricName, (values: readonly number[]) => number>> = {
  "update/tokens": sum,
  "exact/compared": sum,
  "exact/stale": sum,
  "update/ratioMin": (values) => Math.min(...values),
  "update/ratioMax": (values) => Math.max(...values),
  "update/grad_norm_max": (values) => Math.max(...values),
  // A gradient is one of its update, however many tokens it saw.
  "update/grad_norm": (values) => sum(values) / values.length,
};

/** An update without a token that counts has no weight, unless none has one. */
function tokenMean(values: readonly number[], updates: readonly UpdateNumbers[]): number {
  const tokens = sum(updates.map((update) => update.tokens));
  if (tokens === 0) return sum(values) / values.length;
  return sum(values.map((value, i) => value * (updates[i]?.tokens ?? 0))) / tokens;
}
