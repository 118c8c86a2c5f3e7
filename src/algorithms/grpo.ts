// GRPO: rollouts of one task are each other's baseline.   Shao et al. 2024, arXiv:2402.03300, equations 3 and 21
//   A_i = (r_i - mean_g) / (std_g + eps),   L = -min(rho A, clip(rho, 1 - low, 1 + high) A),   rho = pi / pi_old
// Where we differ:
//   1. One advantage a rollout, spread over all its model calls; a rollout weighs the same however many calls or tokens it has
//      (aggregate "rollout"; Agent Lightning 1.0, arXiv:2608.17528, per-rollout mean).
//   2. Clip 0.2 low and 0.28 high (DAPO, arXiv:2503.14476); no KL term, so no reference pass, unless asked for.
//   3. Groups all of whose advantages are 0 (with a baseline: of equal rewards) are never computed: dropped, they leave the mean too; counted
//      (`dead`), they stay in its denominator.
//   4. pi_old is what the tokens were sampled with, exact to the bit, so no forward pass precedes the first update; rows of another version are scored first,
//      and weighted by pi_old / mu, at most 2 (truncated importance sampling), unless the loss's correction says otherwise. Where all rows are exact there is none.
import { ppoClip } from "../policy/losses/ppo-clip.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { checkGrpoNames, type GrpoOptions } from "./grpo-options.js";
import { policyGradient } from "./policy-gradient.js";

/** @throws E_ARGUMENT */
export function grpo(options: GrpoOptions = {}): Algorithm {
  checkGrpoNames(options);
  const compare = compareBy(options.advantage ?? {});
  return policyGradient({ name: "grpo", compare, loss: ppoClip, aggregate: { by: "rollout" } }, options);
}
