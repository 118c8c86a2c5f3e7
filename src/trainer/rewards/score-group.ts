// What the rewards say of one group, within a deadline and outside routing: a judge's calls reach their provider.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { orAborted } from "../../base/or-aborted.js";
import { unrouted } from "../../tracing/context.js";
import type { Journal, Reward, RewardGroup, RolloutScore } from "../../types/reward.js";

export interface ScoringOptions {
  readonly journal: Journal;
  /** Of the group; null is none. */
  readonly timeoutMs: number | null;
  readonly signal: AbortSignal;
}

/** @returns by reward, then by rollout. Rejects with the signal's reason, and otherwise with the first reward's failure, named */
export async function scoreGroup(
  rewards: readonly Reward<never>[],
  group: RewardGroup<never>,
  { journal, timeoutMs, signal }: ScoringOptions,
): Promise<readonly (readonly RolloutScore[])[]> {
  const failed = new AbortController();
  const deadline = timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)];
  const within = AbortSignal.any([signal, failed.signal, ...deadline]);
  const scoreBy = async (reward: Reward<never>) => {
    try {
      // In a function of its own: one that throws at once rejects.
      const scoring = async () => await reward.score(group, { signal: within, journal });
      return checkScores(reward, group, await orAborted(unrouted(scoring), within));
    } catch (cause) {
      signal.throwIfAborted();
      const isLate = within.aborted && !failed.signal.aborted;
      const said = isLate
        ? `none within ${timeoutMs} ms`
        : cause instanceof Error
          ? cause.message
          : String(cause);
      throw new LightningError(
        "E_ROLLOUT",
        `reward ${reward.name}: expected scores of the group, got ${said}`,
        { cause },
      );
    }
  };
  try {
    return await Promise.all(rewards.map(scoreBy));
  } finally {
    // What is asked for in vain costs no more.
    failed.abort();
  }
}

// --- internal ---

function checkScores(
  { name, kind }: Reward<never>,
  { rollouts }: RewardGroup<never>,
  scores: readonly RolloutScore[],
): readonly RolloutScore[] {
  const who = `rewards: ${name}`;
  if (!Array.isArray(scores) || scores.length !== rollouts.length)
    throw argumentError(who, `one score for each of ${rollouts.length} rollouts`, scores);
  for (const [i, one] of scores.entries()) {
    const { score, calls = [] } = Object(one) as RolloutScore;
    if (score !== null && !Number.isFinite(score))
      throw argumentError(who, `score ${i} to be finite or null`, score);
    if (kind === "process" && score !== null)
      throw argumentError(
        who,
        `score ${i} to be null, as of kind "process"`,
        score,
        'say kind: "outcome", or give it to a call',
      );
    const known = new Set(rollouts[i]?.calls.map(({ spanId }) => spanId));
    for (const call of calls)
      if (!known.has(call.spanId) || !Number.isFinite(call.score))
        throw argumentError(
          who,
          `scores of calls of rollout ${i}, finite`,
          `${call.score} of ${call.spanId}`,
        );
  }
  return scores;
}
