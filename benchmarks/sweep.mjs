// Which learning rates learn and which collapse: five of each way of training, two tasks, three seeds, a LoRA adapter and all parameters. Each is a run of
// trainer.fit as a user has it, whose rate falls to 0. And, on ten seeds, groups without variance in the mean or not.
// Rewards do not depend on the machine's load, so nothing waits for quiet.
import { fileURLToPath } from "node:url";
import { boundary, endOf, isCollapsed, shortfall } from "./collapse.mjs";
import { runJson } from "./harness.mjs";
import { pairedInterval } from "./paired-interval.mjs";
import { policyFolder } from "./tasks/folders.mjs";

export const subject = "sweep";

const rates = {
  adapter: [5e-4, 1e-3, 2e-3, 4e-3, 8e-3],
  all: [1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3],
};
const stepsOf = { sorting: 60, calculator: 24 };
const seeds = [1, 2, 3];
const tenSeeds = [...seeds, 4, 5, 6, 7, 8, 9, 10];

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ threads }) {
  yield* rowsOf(
    (given) => runJson([process.execPath, program, JSON.stringify({ ...given, threads })]),
    threads,
  );
}

/** @param {(given: object) => Promise<object>} take  one run, to what learning-case.mjs prints */
export async function* rowsOf(take, threads) {
  const common = { subject, contender: "engine", dtype: "f32", threads };
  for (const train of Object.keys(rates)) {
    const sets = [];
    for (const [task, seed] of pairs(seeds)) {
      const runs = [];
      for (const lr of rates[train]) runs.push({ ...(await take(toRun(task, train, seed, { lr }))), lr });
      sets.push(runs);
      for (const run of runs) {
        const shape = { task, train, lr: run.lr, seed, steps: stepsOf[task] };
        yield {
          ...common,
          shape,
          ...summaryOf(run),
          short: shortfall(run, runs),
          collapsed: isCollapsed(run, runs),
        };
      }
    }
    const { holds, collapses } = boundary(sets);
    yield {
      ...common,
      shape: { train, runs: sets.flat().length },
      value: holds,
      unit: "largest rate that holds",
      ...(Number.isFinite(collapses) ? { collapses } : {}),
    };
  }
  yield* rowsOfDead(take, common);
}

// --- internal ---

const program = fileURLToPath(new URL("learning-case.mjs", import.meta.url));
const deadRate = 1e-3;

const pairs = (ofSeeds) => Object.keys(stepsOf).flatMap((task) => ofSeeds.map((seed) => [task, seed]));

function toRun(task, train, seed, grpo) {
  const policySeed = ((seed - 1) % seeds.length) + 1;
  const folder = policyFolder(task, policySeed);
  return { task, train, grpo, seed, policySeed, folder, steps: stepsOf[task], held: true };
}

/** The mean reward of the last five steps, and of all. */
function summaryOf({ rewards, before, after }) {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return { value: endOf(rewards), unit: "reward", mean, before, after };
}

/** Of each task: ten runs in which dead groups are dropped, ten of the same tasks in which they count. */
async function* rowsOfDead(take, common) {
  for (const task of Object.keys(stepsOf)) {
    const means = { drop: [], count: [] };
    for (const seed of tenSeeds) {
      for (const dead of Object.keys(means)) {
        const summary = summaryOf(await take(toRun(task, "adapter", seed, { lr: deadRate, dead })));
        means[dead].push(summary.mean);
        const shape = { task, train: "adapter", lr: deadRate, dead, seed, steps: stepsOf[task] };
        yield { ...common, shape, ...summary };
      }
    }
    const { mean, low, high } = pairedInterval(means.count.map((value, i) => value - means.drop[i]));
    const shape = { task, train: "adapter", lr: deadRate, dead: "count - drop", seeds: tenSeeds.length };
    yield { ...common, shape, value: mean, low, high, unit: "reward" };
  }
}
