// One evaluation of any loss, ours or a caller's: what comes back is checked before it reaches the backward pass.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { placeOf } from "./loss-inputs.js";
import type { LossResult, PolicyLoss, TokenNumbers } from "./policy-loss.js";

/**
 * @returns the loss and both derivatives (T)
 * @throws E_ARGUMENT when the loss returns the wrong shape, or a derivative on a token whose mask is 0;
 *     E_NONFINITE when its value or a derivative is not finite, naming the token and the numbers the loss saw there
 */
export function evaluateLoss(who: string, loss: PolicyLoss, tokens: TokenNumbers): Required<LossResult> {
  const result: Partial<LossResult> | undefined = loss.evaluate(tokens);
  const by = `${who}: ${loss.name}`;
  if (typeof result?.loss !== "number") throw argumentError(by, "a result with a number loss", result?.loss);
  const dLogprobs = derivative(by, "dLogprobs", result.dLogprobs, tokens);
  const dEntropies = derivative(
    by,
    "dEntropies",
    result.dEntropies ?? new Float64Array(tokens.logprobs.length),
    tokens,
  );
  if (!Number.isFinite(result.loss))
    throw new LightningError(
      "E_NONFINITE",
      `${by}: expected a finite loss, got ${result.loss}${firstBad(tokens)}`,
    );
  return { loss: result.loss, metrics: result.metrics ?? {}, dLogprobs, dEntropies };
}

// --- internal ---

function derivative(
  by: string,
  name: string,
  d: Float64Array | undefined,
  tokens: TokenNumbers,
): Float64Array {
  const length = tokens.logprobs.length;
  if (!(d instanceof Float64Array)) throw argumentError(by, `${name} to be a Float64Array`, d);
  if (d.length !== length)
    throw argumentError(by, `${name} to have ${length} numbers, as logprobs`, d.length);
  for (let t = 0; t < length; t++) {
    if (!Number.isFinite(d[t]))
      throw new LightningError(
        "E_NONFINITE",
        `${by}: expected finite ${name}, got ${d[t]} at ${describe(tokens, t)}`,
      );
    if (tokens.mask[t] === 0 && d[t] !== 0)
      throw argumentError(by, `${name} of 0 where the mask is 0 (${placeOf(tokens.offsets, t)})`, d[t]);
  }
  return d;
}

/** The first token that counts and whose log-probability is not finite, if that is what went wrong. */
function firstBad(tokens: TokenNumbers): string {
  const t = tokens.logprobs.findIndex((x, i) => tokens.mask[i] !== 0 && !Number.isFinite(x));
  return t < 0 ? "" : `; ${describe(tokens, t)}`;
}

function describe(tokens: TokenNumbers, t: number): string {
  const seen = (["logprobs", "oldLogprobs", "refLogprobs", "advantages", "weights"] as const)
    .filter((name) => tokens[name] !== undefined)
    .map((name) => `${name} ${tokens[name]?.[t]}`);
  return `${placeOf(tokens.offsets, t)} (${seen.join(", ")})`;
}
