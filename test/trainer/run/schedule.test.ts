// The trainer tells its algorithm how long the run is, where it knows.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Algorithm, RunPlace } from "../../../src/algorithms/algorithm.js";
import { grpo } from "../../../src/algorithms/grpo.js";
import { sft } from "../../../src/algorithms/sft.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { Trainer } from "../../../src/trainer/trainer.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const agent = async (content: string) => {
  await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }], max_tokens: 1 });
  return 1;
};

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

/** Places of all steps that a use of the trainer takes. */
async function placesOf(
  use: (trainer: Trainer<string>) => Promise<unknown>,
): Promise<(RunPlace | undefined)[]> {
  const places: (RunPlace | undefined)[] = [];
  const algorithm: Algorithm = {
    name: "spy",
    trains: ["weights"],
    groupSize: 1,
    update: async ({ run }) => {
      places.push(run);
      return { metrics: {} };
    },
  };
  await using trainer = createTrainer({ policy, agent, algorithm });
  await use(trainer);
  return places;
}

function* endless() {
  for (;;) yield ["a"];
}
async function* three() {
  for (let i = 0; i < 3; i++) yield ["a"];
}
const list = [["a"], ["b"], ["c"]];
const placed = [0, 1, 2].map((step) => ({ step, steps: 3 }));
const nowhere = [undefined, undefined, undefined];

describe("a run's length", () => {
  it.each<[string, (trainer: Trainer<string>) => Promise<unknown>, readonly (RunPlace | undefined)[]]>([
    ["known of a list", (trainer) => trainer.fit(list), placed],
    ["known of a set", (trainer) => trainer.fit(new Set(list)), placed],
    [
      "known again of a second list",
      (trainer) => trainer.fit([["a"]]).then(() => trainer.fit(list)),
      [{ step: 0, steps: 1 }, ...placed],
    ],
    [
      "known of a list after steps by hand",
      (trainer) => trainer.step(["a"]).then(() => trainer.fit(list)),
      [undefined, ...placed],
    ],
    [
      "known of a list that is left early",
      (trainer) => trainer.fit(list, { stop: ({ step }) => step === 1 }),
      placed.slice(0, 2),
    ],
    [
      "unknown of a generator",
      (trainer) => trainer.fit(endless(), { stop: ({ step }) => step === 2 }),
      nowhere,
    ],
    ["unknown of an asynchronous source", (trainer) => trainer.fit(three()), nowhere],
    [
      "unknown of steps by hand",
      async (trainer) => {
        for (const tasks of list) await trainer.step(tasks);
      },
      nowhere,
    ],
  ])("is %s", async (_, use, expected) => {
    expect(await placesOf(use)).toEqual(expected);
  });

  it("is that of the whole list for a run that goes on from a checkpoint", async () => {
    const folder = mkdtempSync(join(tmpdir(), "agl-schedule-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const checkpointFile = join(folder, "run.safetensors");
    const seen: (number | undefined)[] = [];
    for (const steps of [1, 3]) {
      await using trainer = createTrainer({
        policy,
        agent,
        algorithm: grpo({ lr: 1, groupSize: 2 }),
        checkpointFile,
      });
      const { steps: reports } = await trainer.fit(list, { stop: ({ step }) => step === steps - 1 });
      seen.push(...reports.map(({ metrics }) => metrics["update/lr"]));
    }
    expect(seen.map((rate) => Number(rate?.toFixed(9)))).toEqual([1, 0.75, 0.25]);
  });

  it("is told in the progress line with the rate, and that a rate stays", async () => {
    const lines: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(`${text}`) > 0);
    onTestFinished(() => spy.mockRestore());
    await using trainer = createTrainer({
      policy,
      agent,
      algorithm: grpo({ groupSize: 2, lr: 1e-3 }),
      progress: true,
    });
    await trainer.fit([["a"], ["b"]]);
    await trainer.step(["c"]);
    const told = lines
      .filter((line) => line.startsWith("step "))
      .map((line) => /lr [^,]*, [^,]*/.exec(line)?.[0]);
    expect(told).toEqual([
      "lr 1e-3, cosine over 2 updates",
      "lr 5e-4 of 1e-3, cosine over 2 updates",
      "lr 1e-3, constant",
    ]);
  });

  it.each<[string, () => Algorithm]>([
    ["grpo", () => grpo({ schedule: "cosine" })],
    ["sft", () => sft({ schedule: "cosine" })],
  ])(
    "%s refuses to fall towards an end that nobody knows before a rollout is paid for, and says what to do",
    async (_, create) => {
      let rollouts = 0;
      const counting = (task: string) => {
        rollouts += 1;
        return agent(task);
      };
      await using trainer = createTrainer({ policy, agent: counting, algorithm: create() });
      const told = /trainer\.fit over a list, or totalUpdates/;
      await expect(trainer.step(["a"])).rejects.toThrow(told);
      await expect(trainer.fit(endless())).rejects.toThrow(told);
      expect(rollouts).toBe(0);
      expect((await trainer.fit([["a"]])).steps).toHaveLength(1);
    },
  );
});
