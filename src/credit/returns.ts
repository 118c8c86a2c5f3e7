// What a rollout's calls earned: their own rewards, the final one with the last of them.
import type { CreditRollout } from "../types/credit.js";

/** (calls) G_t = r_t + gamma G_(t+1); a call without a reward earned 0. */
export function returnsToGo({ calls, reward: final }: CreditRollout, gamma: number): number[] {
  const returns: number[] = [];
  let next: number | null = null;
  for (const { reward } of calls.toReversed()) {
    next = (reward ?? 0) + (next === null ? final : gamma * next);
    returns.push(next);
  }
  return returns.toReversed();
}

/** Sum over the episode. */
export function episodeReturn({ calls, reward }: CreditRollout): number {
  return calls.reduce((sum, call) => sum + (call.reward ?? 0), 0) + reward;
}
