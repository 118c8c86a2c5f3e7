// Which batches a fit takes and when it evaluates, with steps and evaluations that are counted only.
import { describe, expect, it } from "vitest";
import { type Batches, checkTasks, runFit } from "../../../src/trainer/run/fit.js";
import type { FitPlace } from "../../../src/trainer/run/fit-places.js";
import type { FitOptions, StepReport } from "../../../src/trainer/trainer.js";

interface Given {
  readonly batches?: Batches<string>;
  readonly place?: Partial<FitPlace>;
  readonly steps?: number;
  readonly options?: Partial<FitOptions<string>>;
}

const kBatches = [["a"], ["b"], ["c"], ["d"]];

/** What a fit does: steps by their task, evaluations as "v". */
async function fitOver({ batches = kBatches, place, steps = 0, options = {} }: Given) {
  const done: string[] = [];
  const runs: unknown[] = [];
  const said: string[] = [];
  const warnings: string[] = [];
  let taken = steps;
  const report = (): StepReport => ({ step: taken, metrics: {}, rollouts: [{} as never] });
  const loop = {
    steps: () => taken,
    step: async (tasks: readonly string[], run: unknown) => {
      taken += 1;
      done.push(tasks.join());
      runs.push(run);
      return report();
    },
    evaluate: async (tasks: readonly string[]) => {
      done.push(tasks.join());
      return { ...report(), reward: 1 };
    },
    signal: new AbortController().signal,
    place: { taken: 0, isLast: true, ...place },
    say: (line: string) => said.push(line),
    warn: (message: string) => warnings.push(message),
  };
  const result = await runFit(loop, batches, { validation: ["v"], ...options });
  return { done: done.join(""), runs, said, warnings, result };
}

describe("a fit", () => {
  it("evaluates before its first step and after every so many steps of the run", async () => {
    expect((await fitOver({ options: { every: 2 } })).done).toBe("vabvcdv");
    expect((await fitOver({ steps: 1, options: { every: 2 } })).done).toBe("vavbcvd");
    expect((await fitOver({})).done).toBe("vabcd");
    expect((await fitOver({ steps: 9 })).done).toBe("vavbcd");
    expect((await fitOver({ options: { validation: undefined, every: 1 } })).done).toBe("abcd");
  });

  it("tells each step its place among the batches, where their number is known", async () => {
    const { runs } = await fitOver({ place: { taken: 2 }, steps: 2 });
    expect(runs).toEqual([
      { step: 2, steps: 4 },
      { step: 3, steps: 4 },
    ]);
    expect((await fitOver({ batches: [["a"]].values() })).runs).toEqual([undefined]);
  });

  it("passes over what it has taken, says so once, and evaluates there when it is due and it was the last", async () => {
    const two = { taken: 2 };
    expect(await fitOver({ place: two, steps: 2, options: { every: 2 } })).toMatchObject({
      ...{ done: "vcdv", warnings: [] },
      said: ["fit passes over the 2 batches that the run has taken"],
    });
    expect((await fitOver({ place: two, steps: 3, options: { every: 2 } })).done).toBe("cvd");
    expect((await fitOver({ place: { ...two, isLast: false }, steps: 2, options: { every: 2 } })).done).toBe(
      "cdv",
    );
    expect((await fitOver({ place: { taken: 1 }, steps: 1 })).said).toEqual([
      "fit passes over the 1 batch that the run has taken",
    ]);
    expect((await fitOver({})).said).toEqual([]);
  });

  it("that a later fit follows ends where it was stopped, if it can be stopped", async () => {
    const place = { taken: 2, isLast: false };
    const stop = () => false;
    expect(await fitOver({ place, steps: 4, options: { stop } })).toMatchObject({ done: "", warnings: [] });
    expect((await fitOver({ place, steps: 4 })).done).toBe("cd");
    expect((await fitOver({ place: { taken: 2 }, steps: 2, options: { stop } })).done).toBe("cd");
  });

  it("warns when nothing is left to it, unless another fit follows", async () => {
    const [warning] = (await fitOver({ place: { taken: 4 }, steps: 4 })).warnings;
    expect(warning).toContain("it has taken 4 steps and there are 4 batches;");
    expect((await fitOver({ place: { taken: 4, isLast: false }, steps: 4 })).warnings).toEqual([]);
    const short = await fitOver({ place: { taken: 5 }, steps: 5 });
    expect(short.said).toEqual(["fit passes over the 4 batches that the run has taken"]);
    expect(short.warnings).toHaveLength(1);
    expect((await fitOver({ place: { taken: 5, isLast: false }, steps: 5 })).warnings).toEqual([]);
    expect((await fitOver({ place: { taken: 3 }, steps: 3 })).warnings).toEqual([]);
  });

  it("ends after the step of which `stop` says so, evaluated where it is due", async () => {
    const stop = async ({ step }: StepReport) => step === 2;
    const { done, result } = await fitOver({ options: { stop, every: 2 } });
    expect(done).toBe("vabv");
    expect(result.steps.map(({ rollouts }) => rollouts.length)).toEqual([0, 1]);
    expect(result.evaluations.map(({ rollouts }) => rollouts.length)).toEqual([0, 1]);
  });

  it("names the batch that is no list of tasks, counted from those that it passed over", async () => {
    const batches = (async function* () {
      yield ["a"];
      yield "b" as never;
    })();
    await expect(fitOver({ batches, place: { taken: 1 }, steps: 1 })).rejects.toThrow(
      "batch 1 of the batches",
    );
    await expect(fitOver({ batches: [["a"], []] })).rejects.toThrow(
      "batch 1 of the batches to hold at least one",
    );
    await expect(fitOver({ options: { every: 0 } })).rejects.toThrow("every");
    await expect(fitOver({ batches: [] })).rejects.toThrow("at least one batch");
  });

  it("takes a list with promises as it comes", async () => {
    expect((await fitOver({ batches: [Promise.resolve(["a"]), ["b"]] as never })).done).toBe("vab");
  });
});

describe("a list of tasks", () => {
  it("holds at least one", () => {
    expect(() => checkTasks("who", "tasks", ["a"])).not.toThrow();
    expect(() => checkTasks("who", "tasks", [])).toThrow("who: expected tasks to hold at least one task");
    for (const tasks of [undefined, null, "a", new Set(["a"])])
      expect(() => checkTasks("who", "tasks", tasks)).toThrow("one task is a list, too: [task]");
  });
});
