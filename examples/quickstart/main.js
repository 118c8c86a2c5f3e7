// npm run quickstart [-- --seed N --steps N]: from a policy that picks the wrong tools to one that picks the right ones, by GRPO, in this process.
//   .agl/quickstart/metrics.jsonl  a line a step    .agl/quickstart/reward.svg  the curve    .agl/quickstart/adapter  PEFT
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as agl from "agentlightning";
import { calculate, isRight } from "./agent.js";
import { pythonLines } from "./python-lines.js";
import { createRandom, heldOutQuestions, randomQuestion } from "./questions.js";
import { rewardSvg } from "./reward-svg.js";
import { startingPolicy } from "./starting-policy.js";

const { seed, steps: mostSteps } = readOptions();
const out = join(".agl", "quickstart", ...(seed === 1 ? [] : [`seed-${seed}`]));
const updatesPerStep = 4;
const tasksPerStep = 16;
const evaluateEvery = 10;
const started = performance.now();
const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;

mkdirSync(out, { recursive: true });
for (const name of ["metrics.jsonl", "reward.svg", "adapter"])
  rmSync(join(out, name), { recursive: true, force: true });

console.log(
  "1. The starting policy: 0.5M parameters, taught the form of a tool call, and mostly the wrong tool.",
);
const model = await startingPolicy(join(out, "starting-policy"), seed, (update, updates, loss) => {
  if (update % 50 === 0)
    console.log(`   update ${update} of ${updates}, loss ${loss.toFixed(3)}, ${elapsed()}`);
});

const policy = await agl.loadPolicy(model, { adapter: { rank: 16 }, contextLength: 192, seed });
let watched = new Map();
const trainer = agl.createTrainer({
  policy,
  agent: async (task) => {
    const said = await calculate(task.text);
    // By what is in the task: each rollout has a copy of its own.
    watched.set(task.id, { task, said });
    return isRight(task, said);
  },
  // A rate that ends at 0: at a constant one, noise keeps the policy from committing itself (benchmarks/LOG.md).
  algorithm: agl.grpo({
    groupSize: 8,
    lr: 2e-3,
    warmup: 20,
    schedule: "cosine",
    totalUpdates: mostSteps * updatesPerStep,
    updates: updatesPerStep,
  }),
  sampling: { maxTokens: 48 },
  concurrency: 256,
  seed,
});

const heldOut = heldOutQuestions(240).map((task, id) => ({ ...task, id }));
const share = (count) => (count / heldOut.length).toFixed(3);

/** The held-out rewards as they were measured, for the curve. */
const measured = { sampled: [], greedy: [] };

/** Held-out reward, sampled and greedy; what was said is kept for the examples. */
async function evaluate() {
  const scores = {};
  let form = 0;
  for (const [name, temperature] of [
    ["sampled", 1],
    ["greedy", 0],
  ]) {
    watched = new Map();
    const prefix = `eval/${name}/`;
    const { reward, metrics } = await trainer.evaluate(heldOut, { temperature, prefix });
    scores[`eval/reward/${name}`] = reward;
    measured[name].push({ step: trainer.steps, reward, ci95: metrics[`${prefix}reward/ci95`] });
    if (name === "sampled")
      form = [...watched.values()].filter(({ task, said }) => hasForm(task, said)).length;
  }
  return { scores, form, said: watched };
}

/** One call with the right arguments, whatever the tool, and an answer that reports its result. */
function hasForm(task, { calls, messages, answer }) {
  const told = messages.find((message) => message.role === "tool")?.content;
  return (
    calls.length === 1 && calls[0].a === task.a && calls[0].b === task.b && answer === `the answer is ${told}`
  );
}

console.log(
  `2. Before: ${heldOut.length} held-out questions, their operands in no demonstration and no training task (${elapsed()}).`,
);
const before = await evaluate();
console.log(
  `   right form and arguments ${share(before.form)}, reward sampled ${before.scores["eval/reward/sampled"].toFixed(3)}, greedy ${before.scores["eval/reward/greedy"].toFixed(3)}`,
);

console.log(`3. GRPO: ${tasksPerStep} tasks x 8 rollouts a step, at most ${mostSteps} steps.`);
const random = createRandom(seed * 104729 + 2);
const rows = [];
let good = 0;
let after = before;
for (let step = 0; step < mostSteps && good < 2; step++) {
  const tasks = Array.from({ length: tasksPerStep }, () => randomQuestion(random, { heldOut: false }));
  const { metrics } = await trainer.step(tasks);
  const isDue = (step + 1) % evaluateEvery === 0 || step + 1 === mostSteps;
  if (isDue) after = await evaluate();
  // The first line carries the scores from before its update, later ones those from after it.
  const evaluation = isDue ? after.scores : step === 0 ? before.scores : {};
  const row = { ...withoutEvaluation(metrics), ...evaluation };
  const isGood = isDue && Object.values(after.scores).every((reward) => reward > 0.93);
  if (isDue) good = isGood ? good + 1 : 0;
  rows.push(row);
  appendFileSync(join(out, "metrics.jsonl"), `${JSON.stringify(sorted(row))}\n`);
  if (isDue || step === 0) {
    const held = isDue
      ? `, held-out sampled ${row["eval/reward/sampled"].toFixed(3)}, greedy ${row["eval/reward/greedy"].toFixed(3)}`
      : "";
    console.log(`   step ${step + 1}: training reward ${row["reward/mean"].toFixed(3)}${held}, ${elapsed()}`);
  }
}

await policy.saveAdapter(join(out, "adapter"));
const training = rows.map((row) => ({
  step: row.step + 1,
  reward: row["reward/mean"],
  ci95: row["reward/ci95"],
}));
const title = "An agent learns which tool to call";
const subtitle = `GRPO, ${tasksPerStep} tasks x 8 rollouts a step; ${heldOut.length} held-out questions; seed ${seed}`;
writeFileSync(join(out, "reward.svg"), rewardSvg({ title, subtitle, training, ...measured }));

console.log("\n4. Before and after, on the held-out questions:");
console.log("   reward     before   after");
for (const name of ["sampled", "greedy"]) {
  const at = (evaluation) => evaluation.scores[`eval/reward/${name}`].toFixed(3).padStart(7);
  console.log(`   ${name.padEnd(8)} ${at(before)} ${at(after)}`);
}
// One of each phrasing that the demonstrations mostly answered with a wrong tool; greedy answers.
for (const task of [7, 14, 21].map((i) => heldOut[i])) {
  const tell = ({ calls, answer }) =>
    `${calls.map((call) => `${call.name}(${call.a}, ${call.b})`).join(", ") || "no call"} -> ${answer}`;
  console.log(`\n   ${task.text}`);
  for (const [label, evaluation] of [
    ["before", before],
    ["after ", after],
  ]) {
    const seen = evaluation.said.get(task.id);
    console.log(`     ${label}: ${seen === undefined ? "the agent failed" : tell(seen.said)}`);
  }
}
console.log(
  `\nThe curve: ${join(out, "reward.svg")}; the adapter (PEFT): ${join(out, "adapter")}; ${elapsed()} in all.`,
);
console.log("\nThe adapter in Python (pip install torch transformers peft):\n");
for (const line of pythonLines(model, join(out, "adapter"))) console.log(`   ${line}`);
await trainer.close();
await policy.close();

/** Of the command line; what else stands there ends the program. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: { seed: { type: "string", default: "1" }, steps: { type: "string", default: "80" } },
    });
    if (!/^\d{1,9}$/.test(values.seed))
      throw new Error(
        `expected --seed to be an integer from 0 to 999999999, got ${JSON.stringify(values.seed)}`,
      );
    if (!/^[1-9]\d{0,2}$/.test(values.steps))
      throw new Error(`expected --steps to be an integer from 1 to 999, got ${JSON.stringify(values.steps)}`);
    return { seed: Number(values.seed), steps: Number(values.steps) };
  } catch (error) {
    console.error(`quickstart: ${error.message}\nusage: npm run quickstart [-- --seed N --steps N]`);
    process.exit(2);
  }
}

function withoutEvaluation(metrics) {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => !name.startsWith("eval/") && !name.startsWith("time/eval/")),
  );
}

/** Names in order, times last: equal runs write equal lines, time/* apart. */
function sorted(row) {
  const rank = (name) => (name === "step" ? 0 : name.startsWith("time/") ? 2 : 1);
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1)));
}
