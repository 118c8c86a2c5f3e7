// A group of samples of one prompt, and as many samples that share nothing since their first tokens differ, in turns.
//   node benchmarks/group-case.mjs '{"model":"hidden 128","compute":"f32","prompt":1024,"group":8,"steps":64,"repeats":3,"threads":2}'
// Prints one JSON line: seconds of each, rows that the group computed, and distinct tokens that it had to compute.
import { distinctTokens } from "./distinct.mjs";
import { checkExactness, freshTokens, openCase, printCase, timed } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const { model, prompt: length, group, steps, repeats } = given;
const contextLength = length + steps;
const policy = await openCase(given, {
  contextLength,
  cacheTokens: group * (contextLength + 96),
  adapter: { rank: 16, alpha: 32 },
});
await checkExactness(policy, Array(group).fill(freshTokens(model, 3, 40)), 8);
await takeTurns(0, 64, 4);
const turns = [];
for (let repeat = 1; repeat <= repeats; repeat++) turns.push(await takeTurns(repeat, length, steps));
await printCase(policy, { turns });

// --- internal ---

async function takeTurns(repeat, promptTokens, maxTokens) {
  const shared = freshTokens(model, 2 * repeat + 100, promptTokens);
  const before = rowsComputed();
  const together = await timed(() => sampleAll(Array(group).fill(shared), maxTokens));
  const computed = rowsComputed() - before;
  // A choice's last token is sampled, never computed.
  const needed = together.value.map(([{ tokens }]) => [...shared, ...tokens.subarray(0, -1)]);
  const alone = Array.from({ length: group }, (_, i) =>
    Int32Array.from([i, ...freshTokens(model, 2 * repeat + 101, promptTokens - 1)]),
  );
  const apart = await timed(() => sampleAll(alone, maxTokens));
  return {
    shared: together.seconds,
    unshared: apart.seconds,
    computed,
    distinct: distinctTokens(needed),
  };
}

function sampleAll(prompts, maxTokens) {
  return Promise.all(
    prompts.map((prompt, seed) => policy.sample({ prompt, maxTokens, seed, ignoreEos: true })),
  );
}

function rowsComputed() {
  const { prefillRows, decodeRows } = policy.counters;
  return prefillRows + decodeRows;
}
