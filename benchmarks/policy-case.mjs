// One measurement of a policy in a process of its own: loads the model, checks one result, warms up, times.
//   node benchmarks/policy-case.mjs '{"kind":"decode","model":"hidden 128","compute":"f32","batch":8,"prompt":16,"steps":256,"repeats":5,"threads":2}'
// Prints one JSON line: seconds of each sample, tokens in a sample, processor time, largest resident size. The kind "agree"
// prints the likeliest next tokens instead, which peers are compared with.
import { losses } from "agentlightning";
import { freshTokens, openCase, printCase, timed } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const kinds = { decode, prefill, training, agree };
const length = kinds[given.kind] === decode ? given.prompt + given.steps + 1 : given.length;
const policy = await openCase(given, {
  contextLength: length,
  trainTokens: Math.max(length * (given.batch ?? 1), length),
  cacheTokens: 64 * Math.ceil((length + 64) / 64) * (given.batch ?? 1),
  adapter: { rank: 16, alpha: 32 },
});
await printCase(policy, await kinds[given.kind]());

// --- internal ---

function tokensOf(seed, count) {
  return freshTokens(given.model, seed, count);
}

/** Seconds of a step, over all steps after the first: tokens reach this thread in bunches, so single steps are not timed. */
async function decode() {
  const { batch, prompt, steps, repeats } = given;
  const seconds = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    let first = 0;
    const onToken = () => {
      first ||= performance.now();
    };
    const asked = { prompt: tokensOf(repeat + 1, prompt), n: batch, maxTokens: steps + 1, seed: repeat };
    await policy.sample({ ...asked, temperature: 1, ignoreEos: true, onToken });
    if (repeat > 0) seconds.push((performance.now() - first) / 1000 / steps);
  }
  return { seconds, tokens: batch };
}

/** Seconds until the first token of a prompt that was never seen. */
async function prefill() {
  const samples = [];
  for (let seed = 0; seed <= given.repeats; seed++) {
    const prompt = tokensOf(seed + 1, given.length - 1);
    samples.push(await timed(() => policy.sample({ prompt, maxTokens: 1, ignoreEos: true, seed })));
  }
  return { seconds: samples.slice(1).map(({ seconds }) => seconds), tokens: given.length - 1 };
}

/** Seconds of forwardBackward and optimStep over sequences that share nothing, as in supervised fine-tuning. */
async function training() {
  const { batch, repeats } = given;
  const step = async (seed, count, tokens) => {
    const sequences = Array.from({ length: count }, (_, b) => ({
      tokens: tokensOf(seed * batch + b + 1, tokens),
      weights: new Float32Array(tokens - 1).fill(1 / (count * (tokens - 1))),
    }));
    const { loss } = await policy.forwardBackward(sequences, losses.logLikelihood());
    await policy.optimStep({ lr: 1e-4 });
    if (!Number.isFinite(loss)) throw new Error(`expected a finite loss, got ${loss}`);
  };
  await step(0, 1, Math.min(128, length));
  const seconds = [];
  for (let repeat = 1; repeat <= repeats; repeat++) {
    seconds.push((await timed(() => step(repeat, batch, length))).seconds);
  }
  return { seconds, tokens: batch * length };
}

async function agree() {
  const [{ topTokens, topLogprobs }] = await policy.sample({
    prompt: given.tokens,
    maxTokens: 1,
    temperature: 0,
    topLogprobs: 20,
    ignoreEos: true,
  });
  return { top: Array.from(topTokens, (token, i) => [token, topLogprobs[i]]) };
}
