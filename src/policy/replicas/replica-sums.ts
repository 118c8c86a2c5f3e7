// What several engines have together: memory, counts, and gradients, which are added in the order of the engines, in float32.
import type { NativeCounters, NativePlan } from "../engine/binding.js";

/** Bytes add up; the largest allocation is the largest of any. */
export function sumPlans(plans: readonly NativePlan[]): NativePlan {
  const arenas = new Set(plans.flatMap(({ highWater }) => Object.keys(highWater)));
  return {
    ...addUp(plans, ["weights", "adapters", "optimizer", "tokenMemory", "activations", "scratch", "total"]),
    highWater: Object.fromEntries(
      [...arenas].map((arena) => [arena, sum(plans.map(({ highWater }) => highWater[arena] ?? 0))]),
    ),
    largestActivation: Math.max(...plans.map(({ largestActivation }) => largestActivation)),
  };
}

/** Counts add up; the largest pass is the largest of any. */
export function sumCounters(counters: readonly NativeCounters[]): NativeCounters {
  return {
    ...addUp(counters, [
      "sampledTokens",
      "prefillRows",
      "decodeRows",
      "samplerPasses",
      "cachedPromptTokens",
      "carriedRows",
      "forwardRows",
      "backwardRows",
      "recomputedRows",
    ]),
    largestSamplerPass: Math.max(...counters.map(({ largestSamplerPass }) => largestSamplerPass)),
  };
}

/** @param lists  the same tensors of each engine */
export function sumTensors(lists: readonly (readonly Float32Array[])[]): Float32Array[] {
  const [first = [], ...others] = lists;
  return first.map((tensor, i) => {
    const sums = tensor.slice();
    for (const list of others) add(sums, list[i] ?? new Float32Array(0));
    return sums;
  });
}

// --- internal ---

function add(to: Float32Array, from: Float32Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) + (from[i] ?? 0);
}

function addUp<K extends string>(
  records: readonly Readonly<Record<K, number>>[],
  keys: readonly K[],
): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, sum(records.map((record) => record[key]))])) as Record<
    K,
    number
  >;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
