import { describe, expect, it } from "vitest";
import { createWaiters, kLongestTimerMs, toTimeoutMs } from "../../src/store/waiters.js";

/** What became of waits, in the order in which it did. */
function noted() {
  const ended: string[] = [];
  const note = (name: string, wait: Promise<void>) =>
    wait.then(
      () => ended.push(name),
      (error: Error) => ended.push(`${name}: ${error.message}`),
    );
  return { ended, note };
}
const turn = () => new Promise(setImmediate);

describe("a wait", () => {
  it("ends when all of its keys were settled since it began, and not before", async () => {
    const waiters = createWaiters();
    const { ended, note } = noted();
    waiters.settle("a");
    void note("both", waiters.wait(["a", "b"], {}));
    waiters.settle("a");
    await turn();
    expect(ended).toEqual([]);
    expect(waiters.keys()).toEqual(["b"]);
    waiters.settle("a");
    await turn();
    expect(ended).toEqual([]);
    waiters.settle("b");
    await turn();
    expect(ended).toEqual(["both"]);
    expect(waiters.keys()).toEqual([]);
  });

  it("ends at once without keys and without time", async () => {
    const waiters = createWaiters();
    await waiters.wait([], {});
    await waiters.wait(["a"], { timeoutMs: 0 });
    await waiters.wait(["a"], { timeoutMs: -1 });
    expect(waiters.keys()).toEqual([]);
  });

  it("ends at its timeout, also one that a timer can just be told", async () => {
    const waiters = createWaiters();
    await waiters.wait(["a"], { timeoutMs: 1 });
    const { ended, note } = noted();
    for (const timeoutMs of [kLongestTimerMs, kLongestTimerMs + 1, Number.POSITIVE_INFINITY])
      void note(`${timeoutMs}`, waiters.wait(["a"], { timeoutMs }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ended).toEqual([]);
    waiters.settle("a");
    await turn();
    expect(ended.length).toBe(3);
  });

  it("rejects with its signal's reason, before and while it waits, and is forgotten", async () => {
    const waiters = createWaiters();
    const { ended, note } = noted();
    const controller = new AbortController();
    void note("while", waiters.wait(["a"], { signal: controller.signal }));
    expect(waiters.countOf("a")).toBe(1);
    controller.abort(new Error("enough"));
    await note("before", waiters.wait(["a"], { signal: controller.signal }));
    expect(ended).toEqual(["while: enough", "before: enough"]);
    expect(waiters.countOf("a")).toBe(0);
  });

  it("is settled before those that wait less long, as many as are asked for", async () => {
    const waiters = createWaiters();
    const { ended, note } = noted();
    for (const name of ["first", "second", "third"]) void note(name, waiters.wait(["a"], {}));
    expect(waiters.countOf("a")).toBe(3);
    waiters.settle("a", 2);
    await turn();
    expect(ended).toEqual(["first", "second"]);
    expect(waiters.countOf("a")).toBe(1);
    waiters.settle("a");
    await turn();
    expect(ended).toEqual(["first", "second", "third"]);
  });

  it("rejects with what close is given", async () => {
    const waiters = createWaiters();
    const { ended, note } = noted();
    const [one, two] = [note("one", waiters.wait(["a", "b"], {})), note("two", waiters.wait(["b"], {}))];
    waiters.close(new Error("closed"));
    await Promise.all([one, two]);
    expect(ended).toEqual(["one: closed", "two: closed"]);
    expect(waiters.keys()).toEqual([]);
  });
});

describe("a timeout", () => {
  it("is for ever when it is absent, and refused when it is no number", () => {
    expect(toTimeoutMs("claim", {})).toBe(Number.POSITIVE_INFINITY);
    expect(toTimeoutMs("claim", { timeoutMs: 5 })).toBe(5);
    for (const timeoutMs of [Number.NaN, "5" as never])
      expect(() => toTimeoutMs("claim", { timeoutMs })).toThrow("store.claim");
  });
});
