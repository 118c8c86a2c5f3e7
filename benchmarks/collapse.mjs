// When a learning rate counts as collapsed: over some five steps its run earns 0.2 less than the run of a smaller rate does on the very
// same tasks, or ends below where it began. Rewards of single steps jump with their tasks; compared on the same tasks they do not.

const window = 5;
const most = 0.2;

/**
 * @typedef {object} Run  of one rate; those that are compared share task, seed and way of training
 * @property {number} lr
 * @property {readonly number[]} rewards  by step
 * @property {{ sampled: number }} before  held-out rewards
 * @property {{ sampled: number }} after
 */

/** @param {Run} run @param {readonly Run[]} runs  of all rates */
export function isCollapsed(run, runs) {
  return shortfall(run, runs) >= most || run.after.sampled < run.before.sampled;
}

/** By how much the run earns less than that of a smaller rate, over the five steps where it is most; at least 0. */
export function shortfall({ lr, rewards }, runs) {
  const own = windowMeans(rewards);
  const smaller = runs.filter((other) => other.lr < lr).map((other) => windowMeans(other.rewards));
  return Math.max(0, ...smaller.flatMap((means) => means.map((mean, i) => mean - own[i])));
}

/** Mean reward of the last five steps. */
export const endOf = (rewards) => windowMeans(rewards).at(-1);

/**
 * Of one way of training.
 * @param {readonly (readonly Run[])[]} sets  the runs of all rates, a set for each task and seed
 * @returns {{ holds: number, collapses: number }} the largest rate below which, itself included, no run collapsed, and the smallest at which one
 *   did: Infinity when none did, and 0 when the smallest rate did
 */
export function boundary(sets) {
  const judged = sets.flatMap((runs) =>
    runs.map((run) => ({ lr: run.lr, collapsed: isCollapsed(run, runs) })),
  );
  const collapses = Math.min(Infinity, ...judged.filter(({ collapsed }) => collapsed).map(({ lr }) => lr));
  const holds = Math.max(0, ...judged.filter(({ lr }) => lr < collapses).map(({ lr }) => lr));
  return { holds, collapses };
}

// --- internal ---

function windowMeans(rewards) {
  if (rewards.length < window)
    throw new RangeError(`collapse: expected ${window} steps or more, got ${rewards.length}`);
  return Array.from({ length: rewards.length - window + 1 }, (_, i) => {
    const sum = rewards.slice(i, i + window).reduce((total, reward) => total + reward, 0);
    return sum / window;
  });
}
