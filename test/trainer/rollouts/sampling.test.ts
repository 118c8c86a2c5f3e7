import { expect, it } from "vitest";
import type { Settings } from "../../../src/trainer/options.js";
import { evaluationSampling, trainingSampling } from "../../../src/trainer/rollouts/sampling.js";
import { rolloutSeed } from "../../../src/trainer/rollouts/seeds.js";

const settings = { temperature: 0.7, maxTokens: 16, validationMaxTokens: 32 } as Settings;
const asking = (sampling: object) => ({ sampling }) as never;
const asked = { temperature: 0.2, topP: 0.5, topK: 3, minP: 0.1, maxTokens: 8 };

it("training samples from the whole distribution at the trainer's temperature, and as short as the agent asks", () => {
  const whole = { temperature: 0.7, topP: 1, topK: 0, minP: 0 };
  expect(trainingSampling(settings)(asking(asked))).toEqual({ ...whole, maxTokens: 8 });
  expect(trainingSampling(settings)(asking({ maxTokens: 99 }))).toEqual({ ...whole, maxTokens: 16 });
  expect(trainingSampling(settings)(asking({}))).toEqual({ ...whole, maxTokens: 16 });
});

it("an evaluation samples as the agent asks, where it asks, and at another temperature where it is told one", () => {
  expect(evaluationSampling(settings, undefined)(asking(asked))).toEqual(asked);
  expect(evaluationSampling(settings, 0)(asking(asked))).toEqual({ ...asked, temperature: 0 });
  const plain = { temperature: 1, topP: 1, topK: 0, minP: 0, maxTokens: 32 };
  expect(evaluationSampling(settings, undefined)(asking({}))).toEqual(plain);
  const none = { temperature: 0, topP: 0, maxTokens: 1 };
  expect(evaluationSampling(settings, undefined)(asking(none))).toEqual({ ...plain, ...none });
});

it("every place of a rollout and all 64 bits of the run's seed are in its seed", () => {
  const place = { mode: "train", step: 1, task: 2, sample: 3 } as const;
  const seeds = [
    rolloutSeed(5n, place),
    rolloutSeed(6n, place),
    rolloutSeed(5n + (1n << 32n), place),
    rolloutSeed(5n + (1n << 63n), place),
    rolloutSeed(5n, { ...place, mode: "val" }),
    rolloutSeed(5n, { ...place, mode: "test" }),
    rolloutSeed(5n, { ...place, step: 2 }),
    rolloutSeed(5n, { ...place, task: 3 }),
    rolloutSeed(5n, { ...place, sample: 4 }),
  ];
  expect(new Set(seeds).size).toBe(seeds.length);
  expect(rolloutSeed(5n, place)).toBe(seeds[0]);
  // Both words are the draw's.
  expect(new Set(seeds.map((seed) => seed >> 32n)).size).toBe(seeds.length);
  expect(new Set(seeds.map((seed) => seed & 0xffffffffn)).size).toBe(seeds.length);
});
