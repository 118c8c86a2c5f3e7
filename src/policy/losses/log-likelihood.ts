// Weighted log-likelihood: loss = -sum_t w_t logp_t. Supervised tuning, REINFORCE (w = A / N), distillation on given text. A sum:
// whoever chooses the weights chooses the normalisation. The mathematics is native/ops/loss/policy_loss.h.
import { native } from "../engine/binding.js";
import type { PolicyLoss } from "./policy-loss.js";
import { checkTokenNumbers } from "./token-numbers.js";

/**
 * Reads weights, or the mask in their place; where either is 0 nothing else is read.
 * Metrics: tokens (those of weight other than 0), and their mean logprob and entropy.
 */
export function logLikelihood(): PolicyLoss {
  return {
    name: "losses.logLikelihood",
    reads: ["weights"],
    isLinear: true,
    evaluate(tokens) {
      checkTokenNumbers("losses.logLikelihood", tokens, []);
      const { loss, sums, dLogprobs, dEntropies } = native().logLikelihoodLoss(tokens);
      const metrics: Record<string, number> = { tokens: sums.tokens };
      if (sums.tokens > 0) metrics.logprob = sums.logprob / sums.tokens;
      if (sums.tokens > 0 && tokens.entropies !== undefined) metrics.entropy = sums.entropy / sums.tokens;
      return { loss, metrics, dLogprobs, dEntropies };
    },
  };
}
