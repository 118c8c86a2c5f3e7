// CISPO: the ratio is a bounded weight, so that no token loses its gradient.   MiniMax-M1, arXiv:2506.13585
//   A_i = (r_i - mean_g) / (std_g + eps),   L = mean over tokens of -sg(min(rho, max)) A logp
// Where we differ:
//   1. max is 5 (ScaleRL, arXiv:2510.13786) and there is no lower bound.
//   2. Groups without variance are dropped, and there is no penalty of length.
import { type CispoOptions, cispo as cispoLoss } from "../policy/losses/cispo.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function cispo(options: PolicyGradientOptions<CispoOptions> = {}): Algorithm {
  checkPolicyGradientNames("cispo", options, {});
  const compare = compareBy({});
  return policyGradient({ name: "cispo", compare, loss: cispoLoss, aggregate: { by: "token" } }, options);
}
