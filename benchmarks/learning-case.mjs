// One training run from a starting policy, as trainer.fit takes it.
//   node benchmarks/learning-case.mjs '{"task":"sorting","folder":"...","train":"adapter","grpo":{"lr":1e-3},"seed":1,"steps":40,"threads":1}'
// Makes the starting policy where `folder` has none. `held`: also held-out rewards, sampled and greedy, before and after.
// Prints one JSON line: of each step its reward, its share of dead groups, its rate and when it had ended; processor time.
import * as agl from "agentlightning";
import { batchesOf } from "./tasks/batches.mjs";
import { tasks } from "./tasks/index.mjs";

const given = JSON.parse(process.argv[2]);
const { train, seed, threads, folder } = given;
const task = tasks[given.task];
await task.startingPolicy(folder, given.policySeed ?? seed, threads);
const policy = await agl.loadPolicy(folder, {
  ...{ contextLength: task.contextLength, seed, threads },
  ...(train === "all" ? { train } : { adapter: { rank: 16 } }),
});
const trainer = agl.createTrainer({
  ...{ policy, agent: task.agent, seed },
  algorithm: agl.grpo(given.grpo),
  sampling: { maxTokens: task.maxTokens },
  concurrency: 256,
});
const before = await heldOut();
const at = [];
const begin = performance.now();
trainer.events.on("step", () => at.push((performance.now() - begin) / 1000));
const { steps } = await trainer.fit(batchesOf(task, given));
const after = await heldOut();
await trainer.close();
await policy.close();
const of = (name) => steps.map(({ metrics }) => metrics[name]);
const { user, system } = process.cpuUsage();
const output = {
  ...{ rewards: of("reward/mean"), dead: of("groups/dead"), rates: of("update/lr"), at },
  ...{ before, after, cpuSeconds: (user + system) / 1e6 },
};
process.stdout.write(`${JSON.stringify(output)}\n`);

// --- internal ---

async function heldOut() {
  if (!given.held) return undefined;
  const tried = task.heldOut();
  const sampled = await trainer.evaluate(tried, { temperature: 1 });
  const greedy = await trainer.evaluate(tried, { temperature: 0 });
  return { sampled: sampled.reward, greedy: greedy.reward };
}
