// One measurement of a policy in a process of its own: loads the model, checks one result, warms up, times.
//   node benchmarks/policy-case.mjs '{"kind":"decode","model":"hidden 128","batch":8,"threads":2}'
// Prints one JSON line: seconds of each sample, tokens in a sample, processor time, largest resident size.
import { loadPolicy, losses } from "agentlightning";
import { modelFolder, models } from "./models.mjs";

const given = JSON.parse(process.argv[2]);
const kinds = { decode, prefill, training };
const length = kinds[given.kind] === decode ? given.prompt + given.steps + 1 : given.length;
const policy = await loadPolicy(modelFolder(given.model), {
  threads: given.threads,
  seed: 1,
  compute: "f32",
  contextLength: length,
  trainTokens: Math.max(length * (given.batch ?? 1), length),
  cacheTokens: 64 * Math.ceil((length + 64) / 64) * (given.batch ?? 1),
  adapter: { rank: 16, alpha: 32 },
});
await checkExactness();
const result = await kinds[given.kind]();
const { user, system } = process.cpuUsage();
const { maxRSS } = process.resourceUsage();
await policy.close();
console.log(JSON.stringify({ ...result, cpuSeconds: (user + system) / 1e6, peakBytes: maxRSS * 1024 }));

// --- internal ---

/** The log-probabilities of what was sampled are those of score, bit for bit. */
async function checkExactness() {
  const prompt = tokensOf(7, 4);
  const [{ tokens, logprobs }] = await policy.sample({ prompt, maxTokens: 4, ignoreEos: true, seed: 1 });
  const [scored] = await policy.score([[...prompt, ...tokens]]);
  if (logprobs.some((logprob, i) => logprob !== scored.logprobs[prompt.length - 1 + i])) {
    throw new Error("sample and score give different log-probabilities");
  }
}

/** Token ids that are a function of the seed: fresh ones never meet the cache. */
function tokensOf(seed, count) {
  return Int32Array.from(
    { length: count },
    (_, i) => (seed * 7919 + i * 104_729 + 11) % models[given.model].vocabulary,
  );
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
  const seconds = [];
  for (let repeat = 0; repeat <= given.repeats; repeat++) {
    const begin = performance.now();
    await policy.sample({
      prompt: tokensOf(repeat + 1, given.length - 1),
      maxTokens: 1,
      ignoreEos: true,
      seed: repeat,
    });
    if (repeat > 0) seconds.push((performance.now() - begin) / 1000);
  }
  return { seconds, tokens: given.length - 1 };
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
    const begin = performance.now();
    await step(repeat, batch, length);
    seconds.push((performance.now() - begin) / 1000);
  }
  return { seconds, tokens: batch * length };
}
