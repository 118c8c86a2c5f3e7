// What every process that measures a policy does around its own work: loads the model, checks one result, prints one JSON line.
import { loadPolicy } from "agentlightning";
import { modelFolder, models } from "./models.mjs";

/**
 * @param {{ model: string, threads: number, compute: string, device: string }} given  from the command line
 * @param {object} options  more of loadPolicy's
 */
export async function openCase({ model, threads, compute, device }, options) {
  const policy = await loadPolicy(modelFolder(model), { threads, compute, device, seed: 1, ...options });
  await checkExactness(policy, [freshTokens(model, 7, 4)], 4);
  return policy;
}

/** What is sampled from each prompt has, bit for bit, the log-probabilities that score gives. */
export async function checkExactness(policy, prompts, maxTokens) {
  const sampled = await Promise.all(
    prompts.map((prompt, seed) => policy.sample({ prompt, maxTokens, ignoreEos: true, seed })),
  );
  const choices = sampled.map(([choice]) => choice);
  const scores = await policy.score(choices.map(({ tokens }, i) => [...prompts[i], ...tokens]));
  for (const [i, { logprobs }] of choices.entries()) {
    const scored = scores[i].logprobs.subarray(prompts[i].length - 1);
    if (logprobs.some((logprob, t) => logprob !== scored[t])) {
      throw new Error("sample and score give different log-probabilities");
    }
  }
}

/** Token ids that are a function of the seed: fresh ones never meet the cache. */
export function freshTokens(model, seed, count) {
  const { vocabulary } = models[model];
  return Int32Array.from({ length: count }, (_, i) => (seed * 7919 + i * 104_729 + 11) % vocabulary);
}

/** Closes the policy and prints the result with the process's own processor time and its largest resident size. */
export async function printCase(policy, result) {
  const { user, system } = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  await policy.close();
  console.log(JSON.stringify({ ...result, cpuSeconds: (user + system) / 1e6, peakBytes: maxRSS * 1024 }));
}

/** Seconds that an action takes, and what it gave. */
export async function timed(action) {
  const begin = performance.now();
  const value = await action();
  return { seconds: (performance.now() - begin) / 1000, value };
}
