// A loss held against its own derivatives: whoever writes one calls this in a test. Central differences of fourth order in
// float64, so a token nearer than 2 `step` to a kink (a clip edge) is reported as wrong.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { evaluateLoss } from "./evaluate-loss.js";
import { placeOf, toPolicyLoss } from "./loss-inputs.js";
import type { LossFunction, PolicyLoss, TokenNumbers } from "./policy-loss.js";

export interface CheckLossOptions {
  /** Of the differences, in nats. Default 1e-3. */
  readonly step?: number;
  /** Default 1e-6. */
  readonly relativeTolerance?: number;
}

/**
 * Checks that dLogprobs and dEntropies are the derivatives of the loss, that a token whose mask is 0 contributes nothing (its
 * numbers are replaced, by NaN too), that the same numbers give the same bits, and that no input is written to.
 * Without oldLogprobs, the log-probabilities given here stand for them.
 * @returns how many derivatives were compared, and the largest difference
 * @throws E_ARGUMENT naming the first token that fails; what evaluateLoss throws
 */
export function checkLoss(
  loss: PolicyLoss | LossFunction,
  tokens: TokenNumbers,
  options: CheckLossOptions = {},
): { readonly compared: number; readonly largestDifference: number } {
  const policyLoss = toPolicyLoss("checkLoss", loss);
  const start = copyOf({ ...tokens, oldLogprobs: tokens.oldLogprobs ?? tokens.logprobs });
  checkPure(policyLoss, start);
  checkMasked(policyLoss, start);
  const logprobs = compare(policyLoss, start, "logprobs", options);
  const entropies = compare(policyLoss, start, "entropies", options);
  return {
    compared: logprobs.compared + entropies.compared,
    largestDifference: Math.max(logprobs.largestDifference, entropies.largestDifference),
  };
}

// --- internal ---

type Variable = "logprobs" | "entropies";

function compare(
  loss: PolicyLoss,
  tokens: TokenNumbers,
  variable: Variable,
  { step = 1e-3, relativeTolerance = 1e-6 }: CheckLossOptions,
): { compared: number; largestDifference: number } {
  const x = tokens[variable];
  let largestDifference = 0;
  if (x === undefined) return { compared: 0, largestDifference };
  const { loss: value, ...claimed } = evaluateLoss("checkLoss", loss, tokens);
  const field = variable === "logprobs" ? "dLogprobs" : "dEntropies";
  const d = claimed[field];
  // Each of the four values is off by some ulps of the terms it sums.
  const noise = (64 * Number.EPSILON * (1 + Math.abs(value))) / step;
  const moved = copyOf(tokens);
  const y = moved[variable] ?? x;
  for (let t = 0; t < x.length; t++) {
    const at = (steps: number): number => {
      y[t] = Number(x[t]) + steps * step;
      return evaluateLoss("checkLoss", loss, moved).loss;
    };
    const difference = tokens.mask[t] === 0 ? 0 : (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    y[t] = Number(x[t]);
    const error = Math.abs(Number(d[t]) - difference);
    if (!(error <= noise + relativeTolerance * Math.abs(difference)))
      throw argumentError(
        `checkLoss: ${loss.name}`,
        `${field} ${difference} at ${placeOf(tokens.offsets, t)} by central differences`,
        d[t],
      );
    largestDifference = Math.max(largestDifference, error);
  }
  return { compared: x.length, largestDifference };
}

function checkPure(loss: PolicyLoss, tokens: TokenNumbers): void {
  const given = copyOf(tokens);
  const first = evaluateLoss("checkLoss", loss, given);
  for (const [name, values] of Object.entries(tokens)) {
    if (!sameBits(values, given[name as keyof TokenNumbers]))
      throw argumentError(`checkLoss: ${loss.name}`, `${name} to be left as it was`, "a change");
  }
  checkSame(loss, "the same numbers", first, evaluateLoss("checkLoss", loss, given));
}

function checkMasked(loss: PolicyLoss, tokens: TokenNumbers): void {
  const first = evaluateLoss("checkLoss", loss, tokens);
  for (const replacement of [-7.25, 3, Number.NaN]) {
    const replaced = copyOf(tokens);
    for (const [name, values] of Object.entries(replaced)) {
      if (name === "mask" || !(values instanceof Float64Array)) continue;
      for (let t = 0; t < values.length; t++) if (tokens.mask[t] === 0) values[t] = replacement;
    }
    const what = `${replacement} on tokens whose mask is 0`;
    try {
      checkSame(loss, what, first, evaluateLoss("checkLoss", loss, replaced));
    } catch (cause) {
      if (cause instanceof LightningError && cause.code === "E_ARGUMENT") throw cause;
      throw new LightningError("E_ARGUMENT", `checkLoss: ${loss.name}: expected no effect of ${what}`, {
        cause,
      });
    }
  }
}

function checkSame(
  loss: PolicyLoss,
  what: string,
  a: ReturnType<typeof evaluateLoss>,
  b: ReturnType<typeof evaluateLoss>,
): void {
  const same =
    Object.is(a.loss, b.loss) && sameBits(a.dLogprobs, b.dLogprobs) && sameBits(a.dEntropies, b.dEntropies);
  if (!same) throw argumentError(`checkLoss: ${loss.name}`, `the same result with ${what}`, "another");
}

function sameBits(a: unknown, b: unknown): boolean {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return a === b;
  const [x, y] = [a, b] as unknown as [ArrayLike<number>, ArrayLike<number>];
  return (
    x.length === y.length &&
    Array.prototype.every.call(x, (value: number, i: number) => Object.is(value, y[i]))
  );
}

function copyOf(tokens: TokenNumbers): TokenNumbers {
  const copies = Object.entries(tokens).map(([name, values]) => [name, values?.slice()] as const);
  return { ...tokens, ...Object.fromEntries(copies) };
}
