// Whole GRPO steps through the public API, as the trainer takes them: one sample call a rollout, advantages within each group,
// forwardBackward from the sampled log-probabilities (so no scoring pass), optimStep. What trains sees every number exactly:
// the log-probabilities of training are those of sampling, bit for bit, in every step.
//   node benchmarks/grpo-case.mjs '{"model":"4.9M","compute":"f32","train":"all","prompt":110,"prompts":8,"group":8,"tokens":48,"repeats":3,"threads":2}'
// Prints one JSON line: seconds of each step and of its parts, distinct tokens, and rows computed for them.
import { advantages, losses } from "agentlightning";
import { distinctTokens } from "./distinct.mjs";
import { freshTokens, openCase, printCase, timed } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const { model, train, prompt: length, prompts, group, tokens: maxTokens, repeats } = given;
const contextLength = length + maxTokens;
const rollouts = prompts * group;
const policy = await openCase(given, {
  contextLength,
  train,
  trainTokens: prompts * length + rollouts * maxTokens,
  cacheTokens: prompts * length + rollouts * (maxTokens + 96),
  ...(train === "adapter" ? { adapter: { rank: 16, alpha: 32 } } : {}),
});
const loss = losses.ppoClip({ aggregate: { by: "rollout" } });
await takeStep(0);
const steps = [];
for (let repeat = 1; repeat <= repeats; repeat++) steps.push(await takeStep(repeat));
await printCase(policy, { steps });

// --- internal ---

async function takeStep(step) {
  const asked = Array.from({ length: rollouts }, (_, i) =>
    freshTokens(model, prompts * step + Math.floor(i / group), length),
  );
  const before = policy.counters;
  const begin = performance.now();
  const sampling = await timed(() => sampleAll(asked, step));
  const training = await timed(() => learn(asked, sampling.value));
  const optimizer = await timed(() => policy.optimStep({ lr: 1e-5 }));
  const seconds = (performance.now() - begin) / 1000;
  checkSame(sampling.value, training.value.logprobs);
  const after = policy.counters;
  const rows = (name) => after[name] - before[name];
  return {
    step: seconds,
    sampling: sampling.seconds,
    training: training.seconds,
    optimizer: optimizer.seconds,
    distinct: distinctTokens(asked.map((prompt, i) => [...prompt, ...sampling.value[i].tokens])),
    sampled: rows("prefillRows") + rows("decodeRows"),
    forward: rows("forwardRows"),
    backward: rows("backwardRows"),
    recomputed: rows("recomputedRows"),
  };
}

async function sampleAll(asked, step) {
  const calls = asked.map((prompt, i) =>
    policy.sample({ prompt, maxTokens, seed: step * rollouts + i, ignoreEos: true }),
  );
  return (await Promise.all(calls)).map(([choice]) => choice);
}

/** The reward is the share of even tokens: something that differs within a group. */
function learn(asked, choices) {
  const groups = choices.map((_, i) => Math.floor(i / group));
  const rewards = choices.map(({ tokens }) => tokens.filter((token) => token % 2 === 0).length / maxTokens);
  const weights = advantages.group(rewards, groups);
  const sequences = choices.map(({ tokens, logprobs }, i) => ({
    tokens: [...asked[i], ...tokens],
    mask: answerOnly(Float32Array.from(tokens, () => 1)),
    oldLogprobs: answerOnly(logprobs),
    advantages: weights[i],
    rollout: i,
    group: groups[i],
  }));
  return policy.forwardBackward(sequences, loss);
}

/** Numbers of the sampled tokens behind zeros for the prompt's, (T - 1). */
function answerOnly(numbers) {
  const all = new Float32Array(contextLength - 1);
  all.set(numbers, length - 1);
  return all;
}

function checkSame(choices, trained) {
  for (const [i, { logprobs }] of choices.entries()) {
    const again = trained[i].subarray(length - 1);
    if (logprobs.some((logprob, t) => logprob !== again[t])) {
      throw new Error("sampling and training give different log-probabilities");
    }
  }
}
