// A step and an evaluation on a clock that the test moves, with rollouts that are given.
import { EventEmitter } from "eventemitter3";
import { expect, it, vi } from "vitest";
import { evaluate } from "../../src/trainer/evaluate.js";
import { takeStep } from "../../src/trainer/take-step.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));
const warn = vi.hoisted(() => vi.fn());
vi.mock("../../src/base/warning.js", () => ({ warn }));

const signal = new AbortController().signal;
const resultOf = (task: number, sample: number, reward: number | null) => ({
  ...{ task, sample, reward, outcome: reward === null ? "no-call" : "ok", error: null, parts: {} },
  ...{ trajectories: [], modelCalls: 1, refusedCalls: 0, unseenCalls: 0, traceUploads: 0, seconds: 1 },
});

function start(given: {
  rewards: (number | null)[][];
  step?: number;
  klEvery?: number | null;
  samplingSeconds?: number;
}) {
  const rollouts = given.rewards.flatMap((rewards, task) =>
    rewards.map((reward, sample) => ({ result: resultOf(task, sample, reward), spans: [] })),
  );
  const seen = {
    rolled: [] as Record<string, unknown>[],
    updates: [] as Record<string, never>[],
    checks: [] as unknown[],
    lines: [] as string[],
    updating: [] as string[],
    events: [] as unknown[],
    evaluated: [] as unknown[],
    held: 0,
  };
  const events = new EventEmitter();
  for (const name of ["step", "evaluation"]) events.on(name, (report) => seen.events.push([name, report]));
  let unwell: string | null = null;
  const parts = {
    policy: {},
    rewards: {
      isDue: () => false,
      give: async ({ rollouts }: { rollouts: unknown }) => rollouts,
    },
    settings: {
      ...{ adapter: "a", temperature: 1, maxTokens: 4, validationMaxTokens: 4 },
      klEvery: given.klEvery === undefined ? 10 : given.klEvery,
      algorithm: {
        groupSize: 2,
        check: (begun: unknown) => seen.checks.push(begun),
        update: async (request: Record<string, never>) => {
          seen.updates.push(request);
          clock.block(3000);
          return { metrics: { "update/count": 1 } };
        },
      },
    },
    record: {
      steps: given.step ?? 0,
      stepped: async (metrics: object) => ({ ...metrics, kept: 1 }),
      evaluated: (metrics: object) => seen.evaluated.push(metrics),
    },
    roller: {
      roll: async (request: Record<string, unknown>) => {
        seen.rolled.push(request);
        clock.block(5000);
        return { rollouts, samplingSeconds: given.samplingSeconds ?? 2 };
      },
      holdOpen: (step: unknown) => {
        seen.held += 1;
        return step;
      },
    },
    progress: {
      update: (text: string) => seen.updating.push(text),
      line: (text: string) => seen.lines.push(text),
    },
    events,
    health: { observe: () => unwell },
    pace: { begin: () => undefined, secondsLeft: () => 120 },
  };
  return { parts: parts as never, seen, fallIll: (message: string) => (unwell = message) };
}

it("a step rolls out a group of each task, updates, keeps its numbers, says them and tells of them", async () => {
  const { parts, seen } = start({
    rewards: [
      [1, null],
      [0, 0.5],
    ],
    step: 3,
  });
  const report = await takeStep(parts, { tasks: ["x", "y"], signal, run: { step: 1, steps: 6 } });
  expect(seen.rolled).toEqual([
    {
      ...{
        what: "step",
        title: "step 4 of 8",
        mode: "train",
        tasks: ["x", "y"],
        step: 3,
        samples: 2,
        signal,
      },
      sampling: expect.any(Function),
    },
  ]);
  expect(seen.checks).toEqual([{ policy: {}, adapter: "a", step: 3, run: { step: 1, steps: 6 } }]);
  const [update] = seen.updates;
  expect(update).toMatchObject({ adapter: "a", step: 3, run: { step: 1, steps: 6 }, measure: false });
  expect(update?.groups).toEqual([
    { task: 0, input: "x", messagesOf: expect.any(Function), rollouts: [resultOf(0, 0, 1)] },
    {
      task: 1,
      input: "y",
      messagesOf: expect.any(Function),
      rollouts: [resultOf(1, 0, 0), resultOf(1, 1, 0.5)],
    },
  ]);
  expect(report.metrics).toMatchObject({
    ...{ step: 3, "reward/mean": 0.5, "reward/count": 3, "update/count": 1, kept: 1 },
    ...{ "time/sampling": 2, "time/agent": 3, "time/training": 3, "time/step": 8 },
  });
  expect([report.step, report.rollouts.length, seen.held]).toEqual([3, 4, 1]);
  expect(seen.events).toEqual([["step", report]]);
  expect(seen.updating).toEqual(["step 4 of 8: updating"]);
  expect(seen.lines).toEqual([expect.stringMatching(/^step 4 of 8: reward 0\.500.*ETA 2 min$/)]);
  expect(warn).not.toHaveBeenCalled();
});

it("a step without a place in a run names none, and its agents' time is never below 0", async () => {
  const { parts, seen } = start({ rewards: [[1]], samplingSeconds: 9 });
  const { metrics } = await takeStep(parts, { tasks: ["x"], signal });
  expect(seen.checks).toEqual([{ policy: {}, adapter: "a", step: 0 }]);
  expect(metrics["time/agent"]).toBe(0);
});

it.each([
  [0, 10, true],
  [10, 10, true],
  [9, 10, false],
  [4, 3, false],
  [0, null, false],
])("step %i is measured when every %s are: %s", async (step, klEvery, measure) => {
  const { parts, seen } = start({ rewards: [[1]], step, klEvery });
  await takeStep(parts, { tasks: ["x"], signal });
  expect(seen.updates[0]?.measure).toBe(measure);
});

it("a step of which nothing can be used is no step", async () => {
  const { parts, seen } = start({ rewards: [[null]], step: 7 });
  await expect(takeStep(parts, { tasks: ["x"], signal })).rejects.toThrow(
    "trainer.step 7: expected at least",
  );
  expect([seen.updates, seen.events, seen.lines]).toEqual([[], [], []]);
});

it("a run that does not learn is warned of", async () => {
  const { parts, fallIll } = start({ rewards: [[1]] });
  fallIll("nothing was learned");
  await takeStep(parts, { tasks: ["x"], signal });
  expect(warn.mock.calls).toEqual([["AGL_LEARNING", "nothing was learned"]]);
  warn.mockClear();
});

it("an evaluation runs each task once and without learning, and its numbers have their prefix", async () => {
  const { parts, seen } = start({ rewards: [[1], [0]], step: 5 });
  const report = await evaluate(parts, { tasks: ["x", "y"], signal });
  expect(seen.rolled).toEqual([
    {
      ...{ what: "evaluate", title: "evaluation eval/ after 5 steps", mode: "val", tasks: ["x", "y"] },
      ...{ step: 5, samples: 1, signal, sampling: expect.any(Function) },
    },
  ]);
  expect(report.metrics).toMatchObject({ "eval/reward/mean": 0.5, "time/eval/seconds": 5 });
  expect([report.reward, report.rollouts.length, seen.updates]).toEqual([0.5, 2, []]);
  expect(seen.evaluated).toEqual([report.metrics]);
  expect(seen.events).toEqual([["evaluation", report]]);
  expect(seen.lines).toEqual([expect.stringMatching(/^evaluation eval\/ after 5 steps: reward 0\.500/)]);
});

it("an evaluation takes its prefix, its samples and its temperature, and checks them first", async () => {
  const { parts, seen } = start({ rewards: [[1, 0]] });
  const { metrics } = await evaluate(parts, {
    tasks: ["x"],
    signal,
    prefix: "test/",
    samples: 2,
    temperature: 0,
  });
  expect(metrics["test/reward/mean"]).toBe(0.5);
  expect(seen.rolled[0]).toMatchObject({ samples: 2, title: "evaluation test/ after 0 steps" });
  const { sampling } = seen.rolled[0] as { sampling: (request: object) => { temperature: number } };
  expect(sampling({ sampling: { temperature: 0.5 } }).temperature).toBe(0);
  for (const wrong of [{ samples: 0 }, { samples: 1.5 }, { temperature: -1 }])
    await expect(evaluate(parts, { tasks: ["x"], signal, ...wrong })).rejects.toThrow(Object.keys(wrong)[0]);
  expect(seen.rolled).toHaveLength(1);
});

it("an evaluation of which nothing can be used keeps no numbers", async () => {
  const { parts, seen } = start({ rewards: [[null]] });
  await expect(evaluate(parts, { tasks: ["x"], signal })).rejects.toThrow(
    "trainer.evaluate: expected at least",
  );
  expect([seen.evaluated, seen.events]).toEqual([[], []]);
});
