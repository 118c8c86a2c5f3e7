// A trainer whose rollouts wait in the store's queue: what runners bring back is trained on as what this process' agent brings back is.
import { describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import { tinyPolicy } from "../tiny-policy.js";
import { dialogue, queueTrainer, scoresOf, startRunner, untimed } from "./runners.js";

const batches = [
  ["abc", "bcd", "abc"],
  ["cde", "def"],
];

describe("a trainer with runners", { timeout: 60_000 }, () => {
  it("trains to the same numbers and weights as with the agent in its own process", async () => {
    const runs = [];
    for (const runners of ["here", "queue"] as const) {
      await using policy = await tinyPolicy({ contextLength: 128 });
      const store = createMemoryStore();
      await using trainer =
        runners === "queue"
          ? queueTrainer(policy, store)
          : createTrainer<string>({
              ...{ policy, agent: dialogue, seed: 7, klEvery: 1, sampling: { maxTokens: 6 } },
              algorithm: grpo({ groupSize: 4, lr: 3e-2, updates: 2 }),
            });
      await using _runner = runners === "queue" ? startRunner(store, dialogue) : undefined;
      const { steps, evaluations } = await trainer.fit(batches, { validation: ["abc"], every: 1 });
      runs.push({
        steps: steps.map(({ metrics }) => untimed(metrics)),
        evaluations: evaluations.map(({ metrics }) => untimed(metrics)),
        scores: await scoresOf(policy),
      });
    }
    const [here, queue] = runs;
    expect(queue).toEqual(here);
    expect(here!.steps.every((step) => step["update/count"]! > 0)).toBe(true);
  });
});
