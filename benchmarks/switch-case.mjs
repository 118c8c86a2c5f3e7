// How long the sampler needs to answer with new weights: from optimStep's resolution to the first token of a new prompt, in
// turns with the same after zeroGradients, which leaves the weights as they were.
//   node benchmarks/switch-case.mjs '{"model":"hidden 128","compute":"f32","repeats":20,"threads":2}'
// Prints one JSON line: seconds with and without a step, bytes that the base weights' arena and the process grew by.
import { losses } from "agentlightning";
import { freshTokens, openCase, printCase } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const policy = await openCase(given, {
  contextLength: 64,
  trainTokens: 64,
  cacheTokens: 1024,
  adapter: { rank: 16, alpha: 32 },
});
const loss = losses.logLikelihood();
let seed = 10;
const ways = { step: () => policy.optimStep({ lr: 1e-4 }), none: () => policy.zeroGradients() };
for (const way of Object.values(ways)) await secondsToToken(way);
const before = { weights: policy.plan.weights, resident: process.memoryUsage().rss };
const seconds = { step: [], none: [] };
for (let repeat = 0; repeat < given.repeats; repeat++) {
  for (const name of ["step", "none"]) seconds[name].push(await secondsToToken(ways[name]));
}
await printCase(policy, {
  seconds,
  weightBytes: before.weights,
  weightGrowthBytes: policy.plan.weights - before.weights,
  residentGrowthBytes: process.memoryUsage().rss - before.resident,
});

// --- internal ---

async function secondsToToken(change) {
  const version = policy.version();
  await policy.forwardBackward(
    [{ tokens: freshTokens(given.model, seed++, 8), weights: new Float32Array(7).fill(1) }],
    loss,
  );
  await change();
  const begin = performance.now();
  let first = 0;
  const [choice] = await policy.sample({
    prompt: freshTokens(given.model, seed++, 2),
    maxTokens: 1,
    ignoreEos: true,
    seed,
    onToken: () => {
      first = performance.now();
    },
  });
  const expected = change === ways.step ? version + 1 : version;
  if (choice.version !== expected) {
    throw new Error(`expected a token of version ${expected}, got one of ${choice.version}`);
  }
  return (first - begin) / 1000;
}
