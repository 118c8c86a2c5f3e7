// What fit takes, passes over, gives back and says.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = (more: object = {}) =>
  client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "abc" }], ...more });

let policy: Policy;
let out: string;
beforeAll(async () => {
  policy = await tinyPolicy();
  out = mkdtempSync(join(tmpdir(), "agl-fit-"));
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

let runs = 0;
const trainerOf = (more: Partial<TrainerOptions<unknown>> = {}) =>
  createTrainer<unknown>({
    policy,
    agent: async () => {
      await ask();
      return runs++ % 2;
    },
    algorithm: grpo({ groupSize: 2, lr: 0 }),
    sampling: { maxTokens: 2 },
    ...more,
  });

async function* later<T>(values: readonly T[]) {
  yield* values;
}

describe("fit", () => {
  it.each<readonly [string, unknown, readonly string[]]>([
    ["tasks instead of batches", ["a"], ["batch 0 of the batches to be a list of tasks", '"a"', "[task]"]],
    ["objects as tasks", [{ question: "a" }], ["batch 0", "list of tasks", "[task]"]],
    ["one bare task among batches", [["a"], "b"], ["batch 1", '"b"']],
    ["an empty batch", [["a"], []], ["batch 1", "at least one task"]],
    ["tasks that come one by one", later(["a", "b"]), ["batch 0", "list of tasks"]],
    ["a set as a batch", [new Set(["a"])], ["batch 0", "list of tasks"]],
    ["a text", "abc", ["batches", '"abc"', "[[task, task]"]],
    ["an object that is no list", { tasks: ["a"] }, ["batches", "[[task, task]"]],
    ["a map", new Map([["a", ["b"]]]), ["batches", "values()"]],
    ["an object whose iterator is none", { [Symbol.iterator]: 3 }, ["batches", "[[task, task]"]],
    ["a generator that was not called", () => later([["a"]]), ["batches", "call it"]],
    ["no batch", [], ["at least one batch"]],
    ["a generator that is used up", later([]), ["at least one batch", "generator"]],
  ])("refuses %s, and says what it takes", async (_, batches, said) => {
    await using trainer = trainerOf();
    const refused = await trainer.fit(batches as never).then(
      () => "nothing refused",
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    );
    expect(refused).toMatch(/^E_ARGUMENT trainer\.fit: expected /);
    for (const words of said) expect(refused).toContain(words);
  });

  it.each<readonly [string, (trainer: ReturnType<typeof trainerOf>) => Promise<unknown>]>([
    ["step of a bare task", (trainer) => trainer.step("a" as never)],
    ["evaluate of a bare task", (trainer) => trainer.evaluate("a" as never)],
    ["evaluate of none", (trainer) => trainer.evaluate([])],
    ["validation of a bare task", (trainer) => trainer.fit([["a"]], { validation: "a" as never })],
    ["validation of none", (trainer) => trainer.fit([["a"]], { validation: [] })],
  ])("or %s is refused before an agent runs", async (_, call) => {
    runs = 0;
    await using trainer = trainerOf();
    await expect(call(trainer)).rejects.toMatchObject({
      code: "E_ARGUMENT",
      message: expect.stringMatching(/task/),
    });
    expect(runs).toBe(0);
  });

  it.each([
    ["a bare task late in the list", [["a"], "b"]],
    ["an empty batch late in the list", [["a"], []]],
  ])("refuses %s before the first evaluation is paid for", async (_, batches) => {
    runs = 0;
    await using trainer = trainerOf();
    await expect(trainer.fit(batches as never, { validation: ["v"] })).rejects.toThrow("batch 1");
    expect(runs).toBe(0);
  });

  it.each([
    ["promises of batches", () => [Promise.resolve(["a"]), Promise.resolve(["b"])]],
    [
      "the values of a map",
      () =>
        new Map([
          ["x", ["a"]],
          ["y", ["b"]],
        ]).values(),
    ],
    [
      "a source that leaves the asynchronous way open",
      () => {
        const list = [["a"], ["b"]];
        return { [Symbol.asyncIterator]: undefined, [Symbol.iterator]: () => list[Symbol.iterator]() };
      },
    ],
    ["a stream", () => Readable.from([["a"], ["b"]])],
  ])("takes %s", async (_, batches) => {
    await using trainer = trainerOf();
    expect((await trainer.fit(batches() as never)).steps).toHaveLength(2);
  });

  it("reports every step's and evaluation's numbers, and the rollouts of the last alone", async () => {
    await using trainer = trainerOf();
    const { steps, evaluations } = await trainer.fit([["a"], ["b"], ["c"]], {
      validation: ["v", "w"],
      every: 1,
    });
    expect(steps.map(({ rollouts }) => rollouts.length)).toEqual([0, 0, 2]);
    expect(evaluations.map(({ rollouts }) => rollouts.length)).toEqual([0, 0, 0, 2]);
    for (const { metrics } of steps) expect(metrics["reward/count"]).toBe(2);
    for (const { metrics } of evaluations) expect(metrics["eval/reward/count"]).toBe(2);
  });

  it("hands its listeners and `stop` each report whole", async () => {
    await using trainer = trainerOf();
    const counts: number[] = [];
    trainer.events.on("step", ({ rollouts }) => counts.push(rollouts.length));
    await trainer.fit([["a"], ["b"]], { stop: ({ rollouts }) => counts.push(rollouts.length) === 0 });
    expect(counts).toEqual([2, 2, 2, 2]);
  });

  it("goes on after a listener that throws, with its steps counted and kept", async () => {
    const checkpointFile = join(out, "listener.safetensors");
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await using trainer = trainerOf({ checkpointFile });
      for (const event of ["step", "rollout", "evaluation"] as const)
        trainer.events.on(event, () => {
          throw new Error(`${event} broke`);
        });
      const { steps } = await trainer.fit([["a"], ["b"]], { validation: ["v", "w"], every: 1 });
      expect(steps).toHaveLength(2);
      const said = warned.mock.calls.map(([message]) => String(message));
      for (const event of ["step", "rollout", "evaluation"])
        expect(said.filter((text) => text.includes(`${event} broke`)).length).toBeGreaterThan(1);
    } finally {
      warned.mockRestore();
    }
    await using again = trainerOf({ checkpointFile });
    expect(await again.resume()).toBe(2);
  });
});

describe("a resumed run", () => {
  const batches = [["a"], ["b"], ["c"]];
  const said = async (checkpointFile: string, given: readonly (readonly string[])[]) => {
    const written = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await using trainer = trainerOf({ checkpointFile, progress: true });
      const { steps } = await trainer.fit(given);
      const lines = written.mock.calls.map(([text]) => String(text)).join("");
      return { steps: steps.length, lines, warnings: warned.mock.calls.map(([message]) => String(message)) };
    } finally {
      written.mockRestore();
      warned.mockRestore();
    }
  };

  it.each([
    ["in the middle", 1, batches, 2, "goes on at step 1", "passes over the 1 batch ", []],
    ["before the last", 2, batches, 1, "goes on at step 2", "passes over the 2 batches ", []],
    [
      "at its end",
      3,
      batches,
      0,
      "goes on at step 3",
      "passes over the 3 batches ",
      ["3 steps and there are 3 batches"],
    ],
    [
      "past what is given now",
      3,
      [["a"]],
      0,
      "goes on at step 3",
      "passes over",
      ["3 steps and there are 1 batch;"],
    ],
  ] as const)(
    "%s says where it goes on, and when nothing is left",
    async (name, taken, given, steps, at, over, warnings) => {
      const checkpointFile = join(out, `${name}.safetensors`);
      {
        await using first = trainerOf({ checkpointFile });
        await first.fit(batches.slice(0, taken));
      }
      const resumed = await said(checkpointFile, given);
      expect(resumed.steps).toBe(steps);
      expect(resumed.lines).toContain(at);
      expect(resumed.lines).toContain(checkpointFile);
      expect(resumed.lines).toContain(over);
      expect(resumed.warnings).toHaveLength(warnings.length);
      for (const words of warnings) expect(resumed.warnings[0]).toContain(words);
    },
  );

  it("says nothing of the kind when it begins", async () => {
    const { lines, warnings } = await said(join(out, "fresh.safetensors"), batches);
    expect(lines).not.toMatch(/goes on|passes over/);
    expect(warnings).toEqual([]);
  });
});

describe("the most tokens of an answer in training", () => {
  it.each([
    ["the agent's, when smaller", { max_tokens: 3 }, 3],
    ["the agent's, by its other name", { max_completion_tokens: 1 }, 1],
    ["the trainer's, when the agent's is larger", { max_tokens: 100 }, 6],
    ["the trainer's, when it is as large", { max_tokens: 6 }, 6],
    ["the trainer's, when the agent names none", {}, 6],
  ] as const)("are %s", async (_, asked, expected) => {
    const sampled: (number | undefined)[] = [];
    const sample: Policy["sample"] = (options) => {
      sampled.push(options.maxTokens);
      return policy.sample(options);
    };
    const watched = new Proxy(policy, {
      get: (target, key) => (key === "sample" ? sample : Reflect.get(target, key)),
    });
    await using trainer = trainerOf({
      policy: watched,
      sampling: { maxTokens: 6 },
      agent: async () => (await ask(asked)).choices.length,
    });
    await trainer.step(["a"]);
    await trainer.dev("a");
    expect(sampled).toEqual([expected, expected, expected]);
  });
});
