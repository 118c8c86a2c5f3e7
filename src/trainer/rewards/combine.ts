// Several parts of a reward as one number a rollout.
//   sum        total_i = sum over parts k of w_k x_ik
//   normalize  total_i = sum over k of w_k (x_ik - mean_k) / (std_k + epsilon), mean and sample deviation over the group: GDPO, arXiv:2601.05242
//              eq. 5. Its normalisation of the sums over the batch is the algorithm's: agl.grpo({ scale: "batch" }).
import { advantages } from "../../policy/advantages.js";

export interface Part {
  readonly weight: number;
  /** One a rollout; null says nothing of it, and adds nothing. */
  readonly values_G: readonly (number | null)[];
}

/** @returns G totals; null where no part says anything */
export function combineParts(parts: readonly Part[], combine: "sum" | "normalize"): (number | null)[] {
  const scaled = parts.map(({ weight, values_G }) => ({
    weight,
    values: combine === "sum" ? values_G : normalized(values_G),
  }));
  return (parts[0]?.values_G ?? []).map((_, i) => {
    let total: number | null = null;
    for (const { weight, values } of scaled) {
      const value = values[i] ?? null;
      if (value !== null) total = (total ?? 0) + weight * value;
    }
    return total;
  });
}

// --- internal ---

function normalized(values_G: readonly (number | null)[]): (number | null)[] {
  const numbers = values_G.map((value) => value ?? Number.NaN);
  const deviations = advantages.group(
    numbers,
    numbers.map(() => 0),
  );
  return values_G.map((value, i) => (value === null ? null : (deviations[i] ?? null)));
}
