import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StepReport } from "../../src/trainer/trainer.js";
import { createTrainerEvents } from "../../src/trainer/trainer-events.js";

const report: StepReport = { step: 3, metrics: {}, rollouts: [] };
const warnings: Error[] = [];
const onWarning = (warning: Error) => void warnings.push(warning);
beforeEach(() => {
  warnings.length = 0;
  process.on("warning", onWarning);
});
afterEach(() => process.off("warning", onWarning));
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

const failing: readonly (readonly [string, () => unknown, string])[] = [
  [
    "throws",
    () => {
      throw new Error("the plot broke");
    },
    "the plot broke",
  ],
  ["rejects", async () => Promise.reject(new Error("the upload broke")), "the upload broke"],
  [
    "rejects later",
    async () => {
      await settled();
      throw new Error("it took a while");
    },
    "it took a while",
  ],
  [
    "throws what is no error",
    () => {
      throw undefined;
    },
    "undefined",
  ],
  [
    "throws what cannot be read",
    () => {
      throw new Proxy(new Error(), {
        get: () => {
          throw new Error();
        },
        getPrototypeOf: () => {
          throw new Error();
        },
      });
    },
    "cannot be read",
  ],
  [
    "gives a promise of its own kind that fails",
    // biome-ignore lint/suspicious/noThenProperty: what the promise of a library looks like
    () => ({ then: (_: unknown, fail: (e: Error) => void) => fail(new Error("own kind")) }),
    "own kind",
  ],
];

describe("a listener that fails", () => {
  it.each(failing)(
    "%s is told of and harms neither the run nor the other listeners",
    async (_, listener, said) => {
      const events = createTrainerEvents();
      const heard: StepReport[] = [];
      events.on("step", listener as never);
      events.on("step", (of) => heard.push(of));
      expect(events.emit("step", report)).toBe(true);
      await settled();
      await settled();
      expect(heard).toEqual([report]);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatchObject({ name: "AgentLightningWarning", code: "AGL_LISTENER" });
      expect(warnings[0]?.message).toContain(said);
    },
  );
});

describe("the trainer's events", () => {
  it("are those of an emitter: context, once, removal and listeners", () => {
    const events = createTrainerEvents();
    const heard: string[] = [];
    const place = { name: "place" };
    function withThis(this: { readonly name: string }) {
      heard.push(this.name);
    }
    const plain = () => void heard.push("plain");
    const first = () => void heard.push("once");
    events.on("step", withThis as never, place);
    events.addListener("step", plain);
    events.once("step", first);
    expect(events.listeners("step")).toEqual([withThis, plain, first]);
    events.emit("step", report);
    events.emit("step", report);
    expect(heard).toEqual(["place", "plain", "once", "place", "plain"]);
    events.off("step", plain);
    events.removeListener("step", withThis as never);
    expect(events.listenerCount("step")).toBe(0);
    events.once("evaluation", plain as never);
    events.off("evaluation", plain as never, undefined, true);
    expect(events.emit("evaluation", { metrics: {}, reward: 1, rollouts: [] })).toBe(false);
    expect(() => events.on("step", 5 as never)).toThrow(TypeError);
  });

  it("count each registration of one listener, on each event", () => {
    const events = createTrainerEvents();
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    events.on("step", listener);
    events.on("step", listener);
    events.on("rollout", listener);
    events.emit("step", report);
    expect(calls).toBe(2);
    events.off("step", listener);
    events.emit("rollout", {} as never);
    expect(calls).toBe(3);
  });
});
