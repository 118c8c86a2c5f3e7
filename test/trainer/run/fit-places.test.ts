// A program of several fits that is killed after any of its steps and started again takes every batch once, in its place.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Algorithm } from "../../../src/algorithms/algorithm.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { Trainer } from "../../../src/trainer/trainer.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
let policy: Policy;
let out: string;
beforeAll(async () => {
  policy = await tinyPolicy();
  out = mkdtempSync(join(tmpdir(), "agl-fits-"));
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

type Program = (trainer: Trainer<string>, signal: AbortSignal) => Promise<unknown>;

/**
 * @param cut  the step before which everything ends, as for a process that is killed
 * @returns of each step its task and its place in its fit; of each evaluation the steps before it
 */
async function run(program: Program, checkpointFile: string, cut: number): Promise<string[]> {
  const taken: string[] = [];
  const killed = new AbortController();
  let task = "";
  const algorithm: Algorithm = {
    name: "spy",
    trains: ["weights"],
    groupSize: 1,
    check: ({ step }) => {
      if (step === cut) killed.abort(new Error("killed"));
      killed.signal.throwIfAborted();
    },
    update: async ({ run }) => {
      taken.push(`${task}${run === undefined ? "" : ` ${run.step}/${run.steps}`}`);
      return { metrics: {} };
    },
  };
  await using trainer = createTrainer<string>({
    ...{ policy, algorithm, checkpointFile, sampling: { maxTokens: 1 } },
    agent: async (content) => {
      task = content;
      await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] });
      return 1;
    },
  });
  trainer.events.on("evaluation", () => taken.push(`evaluation ${trainer.steps}`));
  await program(trainer, killed.signal).catch((error: Error) => expect(error.message).toBe("killed"));
  return taken;
}

const first = [["a"], ["b"], ["c"]];
const second = [["d"], ["e"]];
const generator = function* () {
  yield* first;
};

describe("a program that is killed before any of its steps and started again", () => {
  it.each<readonly [string, Program, number]>([
    ["of one fit", (trainer) => trainer.fit(first), 3],
    [
      "of an epoch a fit",
      async (trainer) => {
        for (let epoch = 0; epoch < 3; epoch++) await trainer.fit(first);
      },
      9,
    ],
    [
      "of two lists",
      async (trainer) => {
        await trainer.fit(first);
        await trainer.fit(second);
      },
      5,
    ],
    [
      "of two generators",
      async (trainer) => {
        await trainer.fit(generator());
        await trainer.fit(generator());
      },
      6,
    ],
    [
      "of a step by hand and a fit",
      async (trainer) => {
        if ((await trainer.resume()) === 0) await trainer.step(["o"]);
        await trainer.fit(first);
      },
      4,
    ],
    [
      "of two fits with evaluations",
      async (trainer) => {
        await trainer.fit(first, { validation: ["n"], every: 2 });
        await trainer.fit(second, { validation: ["n"], every: 2 });
      },
      5,
    ],
  ])("%s takes every batch once", async (name, program, steps) => {
    const whole = await run(program, join(out, name), Number.POSITIVE_INFINITY);
    const untold = (taken: readonly string[]) => taken.filter((entry) => !entry.startsWith("evaluation"));
    expect(untold(whole)).toHaveLength(steps);
    for (let cut = 1; cut < steps; cut++) {
      const file = join(out, `${name} ${cut}`);
      const before = await run(program, file, cut);
      const after = await run(program, file, Number.POSITIVE_INFINITY);
      expect(untold([...before, ...after])).toEqual(untold(whole));
      // What was evaluated after the last step that was kept is evaluated again, and nothing else.
      expect(after).toEqual(whole.slice(whole.length - after.length));
    }
  });

  it("of a fit that was stopped and another goes on with the other", async () => {
    const program: Program = async (trainer) => {
      await trainer.fit(first, { stop: ({ step }) => step === 1 });
      await trainer.fit(second);
    };
    const file = join(out, "stopped");
    const before = await run(program, file, 3);
    expect([...before, ...(await run(program, file, 9))]).toEqual(["a 0/3", "b 1/3", "d 0/2", "e 1/2"]);
  });

  it("in which a fit that rejected was called again goes on with the second call", async () => {
    let failures = 1;
    const program: Program = async (trainer, signal) => {
      const failing = function* () {
        yield* [["a"], ["b"]];
        if (failures-- > 0) throw new Error("the source broke");
        yield ["c"];
      };
      await trainer.fit(failing()).catch(() => signal.throwIfAborted());
      if (failures < 0) return;
      await trainer.fit(failing());
    };
    const file = join(out, "rejected");
    const before = await run(program, file, 3);
    expect([...before, ...(await run(program, file, 9))]).toEqual(["a", "b", "a", "b", "c"]);
  });
});

describe("the length of a list that grows while it is trained on", () => {
  it("is what it is at each step", async () => {
    const grows = [["a"], ["b"]];
    const taken = await run(
      (trainer) => {
        trainer.events.on("step", ({ step }) => step < 2 && grows.push(["c"]));
        return trainer.fit(grows);
      },
      join(out, "grows"),
      9,
    );
    expect(taken).toEqual(["a 0/2", "b 1/3", "c 2/4", "c 3/4"]);
  });
});
