// The shorter of right answers is the better one: the length reward of Kimi k1.5, arXiv:2501.12599 §2.3.3.
//   lambda_i = 0.5 - (len_i - min len) / (max len - min len);  reward_i = lambda_i if right, else min(0, lambda_i);  all 0 when lengths are equal
import { argumentError, checkNumber } from "../base/check.js";

/**
 * @param lengths_G  of the G answers of one task, in any unit
 * @param right_G  whether each is right: a wrong one earns nothing by being short
 * @returns G numbers from -0.5 to 0.5
 * @throws E_ARGUMENT when the lists differ or a length is negative or not finite
 */
export function length(lengths_G: readonly number[], right_G: readonly boolean[]): number[] {
  if (!Array.isArray(lengths_G)) throw argumentError(kWho, "a list of lengths", lengths_G);
  if (!Array.isArray(right_G) || right_G.length !== lengths_G.length)
    throw argumentError(kWho, `whether each of ${lengths_G.length} answers is right`, right_G);
  for (const one of lengths_G) checkNumber(kWho, "a length", one, { min: 0 });
  const [least, most] = [Math.min(...lengths_G), Math.max(...lengths_G)];
  return lengths_G.map((one, i) => {
    const lambda = most === least ? 0 : 0.5 - (one - least) / (most - least);
    return right_G[i] === true ? lambda : Math.min(0, lambda);
  });
}

// --- internal ---

const kWho = "rewards.length";
