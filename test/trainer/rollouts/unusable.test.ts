// A step, a fit or an evaluation of which nothing can be used rejects and says why; nothing is counted, written or passed over.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { baseline } from "../../../src/algorithms/baseline.js";
import { grpo } from "../../../src/algorithms/grpo.js";
import { sft } from "../../../src/algorithms/sft.js";
import type { Policy } from "../../../src/policy/policy.js";
import { emitReward } from "../../../src/tracing/emit.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import { checkUsable } from "../../../src/trainer/rollouts/usable.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import type { RolloutOutcome, RolloutResult } from "../../../src/types/task-group.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = () =>
  client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "abc" }] });

let policy: Policy;
let out: string;
beforeAll(async () => {
  policy = await tinyPolicy();
  out = mkdtempSync(join(tmpdir(), "agl-unusable-"));
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

const trainerOf = (agent: (task: string) => unknown, more: Partial<TrainerOptions<string>> = {}) =>
  createTrainer<string>({
    policy,
    agent: agent as never,
    algorithm: grpo({ groupSize: 2, lr: 1e-2 }),
    sampling: { maxTokens: 4 },
    timeoutMs: 2000,
    ...more,
  });

/** Asks, and then does what is told. */
const after = (what: () => unknown) => async () => {
  await ask();
  return await what();
};
const failsWith = (error: Error) => after(() => Promise.reject(error));

const unusable: readonly (readonly [
  string,
  (task: string) => unknown,
  Partial<TrainerOptions<string>>,
  string,
])[] = [
  ["makes no call", () => 1, {}, "no-call"],
  ["throws before any call", () => Promise.reject(new Error("no tools")), {}, "no tools"],
  ["returns no reward", after(() => undefined), {}, "no-reward"],
  ["returns NaN", after(() => Number.NaN), {}, "bad-reward"],
  ["never ends", after(() => new Promise(() => undefined)), { timeoutMs: 100 }, "timeout"],
  [
    "finds its provider down",
    failsWith(Object.assign(new Error("judge"), { status: 503 })),
    {},
    "provider-error",
  ],
  [
    "emits a reward that is none",
    after(() => emitReward("1" as never)),
    {},
    "error: LightningError: emitReward",
  ],
  [
    "throws and is excluded",
    failsWith(new Error("the tool broke")),
    { rewardOnError: "exclude" },
    "the tool broke",
  ],
];

describe("an agent that always", () => {
  it.each(unusable)(
    "%s makes step, fit and evaluation reject with the reason and its count",
    async (name, agent, more, said) => {
      const files = {
        metricsFile: join(out, `${name}.jsonl`),
        checkpointFile: join(out, `${name}.safetensors`),
      };
      await using trainer = trainerOf(agent, { ...more, ...files });
      expect(await trainer.resume()).toBe(0);
      const checkpoint = readFileSync(files.checkpointFile);
      const version = policy.version("base");
      const steps: unknown[] = [];
      trainer.events.on("step", (report) => void steps.push(report));
      trainer.events.on("evaluation", (report) => void steps.push(report));
      const rejection = (of: number) => ({
        code: "E_ROLLOUT",
        message: expect.stringMatching(new RegExp(`got none of ${of};[^]*\n {2}${of} [^]*${said}`)),
      });
      await expect(trainer.step(["a", "b"])).rejects.toMatchObject(rejection(4));
      await expect(trainer.fit([["a", "b"], ["c"]])).rejects.toMatchObject(rejection(4));
      await expect(trainer.fit([["a"]], { validation: ["a", "b", "c"] })).rejects.toMatchObject(rejection(3));
      await expect(trainer.evaluate(["a"])).rejects.toMatchObject(rejection(1));
      expect(trainer.steps).toBe(0);
      expect(steps).toEqual([]);
      expect(policy.version("base")).toBe(version);
      expect(readFileSync(files.metricsFile, "utf8")).toBe("");
      expect(readFileSync(files.checkpointFile).equals(checkpoint)).toBe(true);
    },
  );

  it.each([
    ["sft", sft()],
    ["baseline", baseline()],
  ])("fails is an error for %s, too", async (_, algorithm) => {
    await using trainer = trainerOf(() => 1, { algorithm });
    await expect(trainer.step(["a"])).rejects.toMatchObject({ code: "E_ROLLOUT" });
  });
});

describe("a run in which a step was unusable", () => {
  it("takes the batches of that step again when it is started again", async () => {
    const checkpointFile = join(out, "outage.safetensors");
    const seen: string[] = [];
    let isDown = false;
    const agent = async (task: string) => {
      seen.push(task);
      if (isDown) throw Object.assign(new Error("the judge is down"), { status: 503 });
      await ask();
      return 1;
    };
    const batches = [["a"], ["b"], ["c"], ["d"]];
    await using first = trainerOf(agent, { checkpointFile });
    const run = first.fit(batches, {
      stop: ({ step }) => {
        isDown = step === 1;
        return false;
      },
    });
    await expect(run).rejects.toMatchObject({
      code: "E_ROLLOUT",
      message: expect.stringContaining("trainer.step 2"),
    });
    expect(first.steps).toBe(2);
    seen.length = 0;
    isDown = false;
    await using second = trainerOf(agent, { checkpointFile });
    const { steps } = await second.fit(batches);
    expect(steps.map(({ step }) => step)).toEqual([2, 3]);
    expect([...new Set(seen)]).toEqual(["c", "d"]);
  });

  it("counts a step of which one rollout could be used", async () => {
    let rollouts = 0;
    await using trainer = trainerOf(
      after(() => (rollouts++ === 0 ? 1 : Number.NaN)),
      {
        concurrency: 1,
      },
    );
    const { metrics } = await trainer.step(["a", "b"]);
    expect(metrics).toMatchObject({ "reward/count": 1, "rollouts/excluded": 3, "rollouts/bad_reward": 3 });
    rollouts = 0;
    const { reward } = await trainer.evaluate(["a", "b"], { samples: 2 });
    expect(reward).toBe(1);
  });
});

describe("the reasons of an unusable batch", () => {
  const result = (outcome: RolloutOutcome, error: string | null) =>
    ({ outcome, error, reward: null }) as RolloutResult;
  const linesOf = (results: readonly RolloutResult[]) => {
    try {
      checkUsable("trainer.step 0", results);
    } catch (error) {
      return (error as Error).message.split("\n").slice(1);
    }
    return [];
  };

  it.each<readonly [string, readonly RolloutResult[], readonly string[]]>([
    [
      "are sorted by count",
      [result("timeout", "late"), result("no-call", "none"), result("no-call", "none")],
      ["  2 no-call: none", "  1 timeout: late"],
    ],
    [
      "begin with the cause, however few",
      [result("no-call", "none"), result("no-call", "none"), result("in-doubt", "queue")],
      ["  1 in-doubt: queue", "  2 no-call: none"],
    ],
    [
      "have each its most frequent message",
      [result("no-call", "x"), result("no-call", "y"), result("no-call", "y")],
      ["  3 no-call: y"],
    ],
    ["say when there is no message", [result("bad-reward", null)], ["  1 bad-reward: no message"]],
    [
      "are none where one rollout can be used",
      [result("timeout", "late"), { ...result("ok", null), reward: 0 }],
      [],
    ],
  ])("%s", (_, results, lines) => {
    expect(linesOf(results)).toEqual(lines);
  });
});
