// What a long run holds on to: of finished steps their numbers, and of the latest their rollouts.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { Trainer } from "../../src/trainer/trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

interface Task {
  readonly text: string;
}
/** Watched from outside; the array itself holds nothing. */
type Seen = WeakRef<object>[];

function trainerOf(seen: Seen): Trainer<Task> {
  let runs = 0;
  const trainer = createTrainer<Task>({
    policy,
    agent: async ({ text }) => {
      await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: text }] });
      return runs++ % 2;
    },
    algorithm: grpo({ groupSize: 2, lr: 0 }),
    sampling: { maxTokens: 2 },
  });
  trainer.events.on("rollout", (result) => seen.push(new WeakRef(result)));
  return trainer;
}
const taskOf = (seen: Seen, text: string): Task => {
  const task = { text };
  seen.push(new WeakRef(task));
  return task;
};

/** Which of the watched are still held, after what runs late has run. */
async function held(seen: Seen): Promise<boolean[]> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  return seen.map((ref) => ref.deref() !== undefined);
}

describe("a trainer with a store of its own", () => {
  it("holds the tasks of its last two steps, and of its last evaluation, and no others", async () => {
    const [tasks, results]: [Seen, Seen] = [[], []];
    await using trainer = trainerOf(results);
    for (let i = 0; i < 8; i++) await trainer.step([taskOf(tasks, "abc")]);
    for (let i = 0; i < 3; i++) await trainer.evaluate([taskOf(tasks, "abc")]);
    for (let i = 0; i < 2; i++) await trainer.dev(taskOf(tasks, "abc"));
    const [steps, rest] = [(await held(tasks)).slice(0, 8), (await held(tasks)).slice(8)];
    expect(steps.filter(Boolean)).toHaveLength(2);
    expect(steps.slice(-2)).toEqual([true, true]);
    expect(rest).toEqual([false, false, true, false, true]);
  });

  it("holds them no longer than that when steps fail or are cancelled", async () => {
    const tasks: Seen = [];
    await using trainer = trainerOf([]);
    for (let i = 0; i < 4; i++) {
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(trainer.step([taskOf(tasks, "abc")], { signal })).rejects.toThrow("enough");
    }
    for (let i = 0; i < 2; i++) await trainer.step([taskOf(tasks, "abc")]);
    expect((await held(tasks)).slice(0, 4)).toEqual([false, false, false, false]);
  });

  it("lets fit's rollouts go, step by step, but for the last", async () => {
    const results: Seen = [];
    await using trainer = trainerOf(results);
    const batches = Array.from({ length: 8 }, () => [{ text: "abc" }]);
    const report = await trainer.fit(batches, { validation: [{ text: "cab" }], every: 2 });
    // Five evaluations of one rollout, eight steps of two; the last step comes before the last evaluation.
    const kept = await held(results);
    expect(kept).toHaveLength(21);
    expect(kept.slice(-3)).toEqual([true, true, true]);
    expect(kept.slice(0, -3).filter(Boolean)).toEqual([]);
    expect(report.steps).toHaveLength(8);
  });
});
