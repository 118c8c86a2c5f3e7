// A trainer whose rollouts wait in the store's queue: what runners bring back is trained on as what this process' agent brings back is.
import { describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { credit } from "../../../src/credit/index.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { emitReward } from "../../../src/tracing/emit.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { Credit } from "../../../src/types/credit.js";
import { tinyPolicy } from "../tiny-policy.js";
import { dialogue, queueTrainer, scoresOf, startRunner, untimed } from "./runners.js";

const batches = [
  ["abc", "bcd", "abc"],
  ["cde", "def"],
];

describe("a trainer with runners", { timeout: 60_000 }, () => {
  it.each<[string, Credit | undefined]>([
    ["broadcast", undefined],
    ["by turns", credit.turnLevel()],
    ["discounted", credit.discounted()],
  ])(
    "trains to the same numbers and weights as in its own process, whether the agent returns or emits its reward: %s",
    async (_, rule) => {
      const algorithm = () =>
        grpo({ groupSize: 4, lr: 3e-2, updates: 2, ...(rule === undefined ? {} : { credit: rule }) });
      const emitting = async (task: string) => emitReward(await dialogue(task));
      const runs = [];
      for (const runners of ["returned", "emitted", "queue"] as const) {
        await using policy = await tinyPolicy({ contextLength: 128 });
        const store = createMemoryStore();
        const agent = runners === "emitted" ? emitting : dialogue;
        await using trainer =
          runners === "queue"
            ? queueTrainer(policy, store, { algorithm: algorithm() })
            : createTrainer<string>({
                ...{ policy, agent, seed: 7, klEvery: 1, sampling: { maxTokens: 6 } },
                algorithm: algorithm(),
              });
        await using _runner = runners === "queue" ? startRunner(store, dialogue) : undefined;
        const { steps, evaluations } = await trainer.fit(batches, { validation: ["abc"], every: 1 });
        runs.push({
          steps: steps.map(({ metrics }) => untimed(metrics)),
          evaluations: evaluations.map(({ metrics }) => untimed(metrics)),
          scores: await scoresOf(policy),
        });
      }
      const [returned, emitted, queue] = runs;
      expect(emitted).toEqual(returned);
      expect(queue).toEqual(returned);
      expect(returned!.steps.every((step) => step["update/count"]! > 0)).toBe(true);
    },
  );
});
