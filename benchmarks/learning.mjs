// Learning beside TRL: the same checkpoint, tasks, seeds, rollouts, rate and schedule, all parameters and LoRA. The reward of each step, and
// of each second. TRL runs where PEERS_PYTHON names an interpreter that has it; without one, our rows stand alone.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../scripts/command.mjs";
import { differenceBySeconds, differenceBySteps, pairedInterval } from "./paired-interval.mjs";
import { findLearner } from "./python/peer.mjs";
import { batchesOf } from "./tasks/batches.mjs";
import { policyFolder } from "./tasks/folders.mjs";
import { tasks } from "./tasks/index.mjs";
import { answerOf, reward } from "./tasks/sorting.mjs";

export const subject = "learning";

const task = "sorting";
const steps = 40;
const group = 8;
const seeds = [1, 2, 3, 4, 5];
/** Starting policies, which seeds share. */
const policies = 3;
/** Our defaults at this width: neither side's rate is tuned to it. */
const rates = { all: 2e-4, adapter: 1e-3 };

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, hasPeers, threads }) {
  const engine = { name: "engine", command: (run) => [process.execPath, program, JSON.stringify(run)] };
  const peers = hasPeers ? [findLearner()].filter(isThere) : [];
  const contenders = [
    engine,
    ...peers.map((peer) => ({ ...peer, command: (run) => peer.command(toPeerRun(run)) })),
  ];
  for (const train of Object.keys(rates)) {
    const runs = seeds.map((seed) => toRun(train, seed, threads));
    yield* compare(harness, runs, contenders);
  }
}

/**
 * Every contender on every run, in turn, and how the first does beside each of the others.
 * @param {import("./harness.mjs").Harness} harness
 * @param {readonly object[]} runs  one for each seed
 * @param {readonly { name: string, about?: string, command: (run: object) => readonly string[] }[]} contenders
 *   whose programs print `rewards` and `at`
 */
export async function* compare(harness, runs, contenders) {
  const outputs = new Map(contenders.map(({ name }) => [name, []]));
  let isLoaded = false;
  for (const run of runs) {
    const taken = contenders.map(({ name, command }) => ({ name, command: () => command(run) }));
    const measured = await harness.compare(taken, 1);
    for (const { name, about } of contenders) {
      const {
        outputs: [output],
        loaded,
      } = measured.get(name);
      isLoaded ||= loaded;
      outputs.get(name).push(output);
      yield { ...rowOf(run, name, about), ...summaryOf(output), unit: "reward", loaded };
    }
  }
  const [ours, ...others] = contenders.map(({ name }) => name);
  for (const theirs of others) {
    const pairs = outputs.get(ours).map((output, i) => [output, outputs.get(theirs)[i]]);
    const bySteps = pairedInterval(pairs.map(([a, b]) => differenceBySteps(a.rewards, b.rewards)));
    const bySeconds = pairedInterval(pairs.map(([a, b]) => differenceBySeconds(a, b)));
    for (const [per, { mean, ...interval }] of Object.entries({ step: bySteps, second: bySeconds })) {
      const row = rowOf({ ...runs[0], seed: undefined }, `${ours} - ${theirs}`, undefined);
      yield {
        ...row,
        shape: { ...row.shape, seeds: runs.length, per },
        value: mean,
        ...interval,
        unit: "reward",
        loaded: isLoaded,
      };
    }
  }
}

// --- internal ---

function isThere({ name, missing }) {
  if (missing !== undefined) console.log(`bench: without ${name}: ${missing}`);
  return missing === undefined;
}

const program = fileURLToPath(new URL("learning-case.mjs", import.meta.url));

function toRun(train, seed, threads) {
  const grpo = { lr: rates[train], groupSize: group };
  const policySeed = ((seed - 1) % policies) + 1;
  return { task, train, grpo, seed, policySeed, folder: policyFolder(task, policySeed), steps, threads };
}

/** The same run as a peer reads it: its tasks in a file, with the right answers, and what our reward says of a few others. */
function toPeerRun({ train, grpo, seed, folder, threads }) {
  const batches = batchesOf(tasks[task], { seed, steps }).map((batch) =>
    batch.map((text) => ({ messages: [{ role: "user", content: text }], right: answerOf(text) })),
  );
  const probes = [...batches[0], ...batches[1]].map(({ messages: [{ content }], right }, i) => {
    const said = i % 4 === 0 ? content.slice(1) : content;
    return { right, said, reward: reward(content, said) };
  });
  const run = join(root, ".agl", "bench", "runs", `${task}-${seed}.json`);
  mkdirSync(dirname(run), { recursive: true });
  writeFileSync(run, JSON.stringify({ batches, probes }));
  return { train, lr: grpo.lr, group, seed, steps, folder, threads, run, maxTokens: tasks[task].maxTokens };
}

function rowOf({ task: name, train, grpo, seed, steps: count, threads }, contender, about) {
  return {
    ...{ subject, contender, dtype: "f32", threads },
    ...(about === undefined ? {} : { about }),
    shape: { task: name, train, lr: grpo.lr, steps: count, ...(seed === undefined ? {} : { seed }) },
  };
}

function summaryOf({ rewards, at }) {
  const value = rewards.reduce((sum, each) => sum + each, 0) / rewards.length;
  return { value, seconds: at.at(-1), rewards: rewards.map((each) => Number(each.toFixed(4))) };
}
