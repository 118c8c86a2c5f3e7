// Two contenders on the same seeds: their differences seed by seed, and the interval in which the mean difference lies.
// Student's t over the seeds, 95 %.

/** 97.5 % quantiles of Student's t by degrees of freedom, from 1. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** What "no worse" means: the interval reaches above 0, and no seed lies below by more than this. */
export const mostBelow = 0.06;

/**
 * @param {readonly number[]} differences  ours minus theirs, one a seed: 2 to 10
 * @returns {{ mean: number, low: number, high: number, worst: number, holds: boolean }}
 */
export function pairedInterval(differences) {
  const n = differences.length;
  const quantile = quantiles[n - 2];
  if (quantile === undefined || differences.some((difference) => !Number.isFinite(difference)))
    throw new RangeError(`pairedInterval: expected 2 to 10 finite differences, got [${differences}]`);
  const mean = meanOf(differences);
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1);
  const half = quantile * Math.sqrt(variance / n);
  const worst = Math.min(...differences);
  return { mean, low: mean - half, high: mean + half, worst, holds: mean + half > 0 && worst >= -mostBelow };
}

/** Ours minus theirs at equal steps, over all of a run. @param ours, theirs  rewards by step */
export function differenceBySteps(ours, theirs) {
  if (ours.length !== theirs.length || ours.length === 0)
    throw new RangeError(`expected as many steps of both, got ${ours.length} and ${theirs.length}`);
  return meanOf(ours.map((reward, step) => reward - theirs[step]));
}

/**
 * Ours minus theirs at equal seconds: at the end of each step of the slower run, the reward of the last step that either had ended.
 * @param ours, theirs  { rewards, at }: rewards by step, and the seconds at which each had ended
 */
export function differenceBySeconds(ours, theirs) {
  const [slower] = ours.at.at(-1) > theirs.at.at(-1) ? [ours] : [theirs];
  const begun = Math.max(ours.at[0], theirs.at[0]);
  const moments = slower.at.filter((moment) => moment >= begun);
  return meanOf(moments.map((moment) => rewardAt(ours, moment) - rewardAt(theirs, moment)));
}

// --- internal ---

function rewardAt({ rewards, at }, moment) {
  return rewards[at.findLastIndex((ended) => ended <= moment)];
}

function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
