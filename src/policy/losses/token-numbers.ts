// The shape of TokenNumbers, for losses evaluated by hand: the engine builds them right.
import { argumentError } from "../../base/check.js";
import { checkLength, toOffsets } from "../engine/number-arrays.js";
import type { TokenInput, TokenNumbers } from "./policy-loss.js";

/** @throws E_ARGUMENT when something read is absent, or a length or the offsets do not fit logprobs */
export function checkTokenNumbers(who: string, tokens: TokenNumbers, reads: readonly TokenInput[]): void {
  for (const name of ["logprobs", "mask", "weights", ...reads] as const)
    if (tokens[name] === undefined) throw argumentError(who, name, undefined);
  toOffsets(who, tokens.offsets, tokens.logprobs.length);
  for (const [name, values] of Object.entries(tokens))
    if (values instanceof Float64Array) checkLength(who, name, values, tokens.logprobs.length, "logprobs");
}
