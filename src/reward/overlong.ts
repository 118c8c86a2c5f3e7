// Soft overlong punishment: DAPO, Yu et al. 2025, arXiv:2503.14476 eq. 13. An answer that nears its limit is told so before it is cut.
//   0                              tokens <= limit - margin
//   ((limit - margin) - tokens) / margin    up to the limit
//   -1                             beyond
import { argumentError, checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";

export interface OverlongOptions {
  /** Tokens: L_max. */
  readonly limit: number;
  /** Tokens before it in which the punishment grows: L_cache. DAPO: 4096 of 20480. */
  readonly margin: number;
}

/**
 * @param tokens  of the answer
 * @returns from -1 to 0
 * @throws E_ARGUMENT
 */
export function overlong(tokens: number, options: OverlongOptions): number {
  checkOptions(kWho, options, kNames);
  checkNumber(kWho, "tokens", tokens, { min: 0 });
  const limit = checkNumber(kWho, "limit", options.limit, { min: 1 });
  const margin = checkNumber(kWho, "margin", options.margin, { min: 0 });
  if (margin > limit) throw argumentError(kWho, `margin of at most the limit, ${limit}`, margin);
  if (tokens > limit) return -1;
  return tokens <= limit - margin ? 0 : (limit - margin - tokens) / margin;
}

// --- internal ---

const kWho = "rewards.overlong";
const kNames: OptionNames<OverlongOptions> = {
  limit: ["max", "maxTokens", "max_length", "L_max"],
  margin: ["cache", "buffer", "overlong_buffer", "L_cache"],
};
