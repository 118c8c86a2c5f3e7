// What GRPO does to a policy, bit for bit: of updates in which every row is exact, however the code around them is arranged.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import type { Algorithm } from "../../src/algorithms/algorithm.js";
import { grpo } from "../../src/algorithms/grpo.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";
import { sampledGroup } from "./sampled-group.js";

/** Of the log-probabilities of some rows after three updates, each of rows that were sampled under the policy as it then was. */
async function hashAfter(algorithm: Algorithm): Promise<string> {
  const policy = await tinyPolicy();
  try {
    for (let step = 0; step < 3; step++) {
      const reward = (sample: number) => ((sample * 5 + step) % 7) / 10;
      const groups = [
        await sampledGroup(policy, reward, 0),
        await sampledGroup(policy, (sample) => (sample < 3 ? 1 : 0), 1),
        await sampledGroup(policy, () => 0.1, 2),
      ];
      await algorithm.update({ policy, adapter: "base", groups, step });
    }
    const scores = await policy.score([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]], {
      adapter: "base",
    });
    const hash = createHash("sha256");
    for (const { logprobs } of scores) hash.update(Float32Array.from(logprobs));
    return hash.digest("hex").slice(0, 16);
  } finally {
    await policy.close();
  }
}

it.each([
  ["", {}, "f4904bcc4e7a459d"],
  [" with deviations of the batch", { advantage: { scale: "batch" } }, "c6b487788b63258a"],
  [
    " without deviations, against the others",
    { advantage: { scale: "none", baseline: "leave-one-out" } },
    "02003765c2518893",
  ],
  [" with dead groups counted", { dead: "count" }, "d0ba7b970f395c3c"],
  [" in two updates, each of its share", { updates: 2, batches: "split" }, "56d7c16bd54ba954"],
  [
    " with a mean over tokens and an entropy term",
    { loss: { aggregate: { by: "token" }, entropy: { coefficient: 0.01 } } },
    "15d42823e5a73565",
  ],
] as const)("grpo%s changes weights to the bits that it always did", async (_, options, bits) => {
  expect(await hashAfter(grpo({ lr: 1e-3, ...options }))).toBe(bits);
});
