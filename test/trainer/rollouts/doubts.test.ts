import { describe, expect, it } from "vitest";
import { runInRollout } from "../../../src/tracing/run-in-rollout.js";
import { createDoubts, doubtsOfBatch } from "../../../src/trainer/rollouts/doubts.js";
import { testScope } from "../../tracing/test-scope.js";

describe("a rollout that ends with a reward and without a call", () => {
  it("puts calls in doubt that began by context while it ran, and counts them", () => {
    const doubts = createDoubts();
    const owner = doubts.open("owner", false);
    owner.call("context");
    const silent = doubts.open("silent", false);
    owner.call("context");
    owner.call("name");
    owner.call("context");
    silent.end();
    owner.call("context");
    expect(silent.close(true)).toBe(null);
    expect(owner.close(true)).toEqual({ silent: "silent", calls: 2 });
  });

  it.each([
    ["calls that name their rollout", "name", true, true],
    ["calls when it earned no reward", "context", false, true],
    ["calls that began after its agent returned", "context", true, false],
  ] as const)("leaves %s alone", (_what, by, hasReward, isBeside) => {
    const doubts = createDoubts();
    const owner = doubts.open("owner", false);
    const silent = doubts.open("silent", false);
    if (isBeside) owner.call(by);
    silent.end();
    if (!isBeside) owner.call(by);
    expect(silent.close(hasReward)).toBe(null);
    expect(owner.close(true)).toBe(null);
  });

  it("is waited for while it runs, also when it began late, and not once it has made a call", async () => {
    const doubts = createDoubts();
    const owner = doubts.open("owner", false);
    owner.call("context");
    const late = doubts.open("late", false);
    const early = doubts.open("early", false);
    owner.call("context");
    const verdict = owner.close(true);
    expect(verdict).toBeInstanceOf(Promise);
    let known: unknown = "unknown";
    void Promise.resolve(verdict).then((doubt) => (known = doubt));
    early.call("context");
    await Promise.resolve();
    expect(known).toBe("unknown");
    late.end();
    void late.close(true);
    expect(await verdict).toEqual({ silent: "late", calls: 1 });
    expect(early.close(true)).toEqual({ silent: "late", calls: 1 });
  });

  it("is not waited for by a rollout whose calls were over when it began", () => {
    const doubts = createDoubts();
    const owner = doubts.open("owner", false);
    owner.call("context");
    doubts.open("later", false);
    expect(owner.close(true)).toBe(null);
  });

  it("that is over without a reward lets those go that waited", async () => {
    const doubts = createDoubts();
    const [owner, silent] = [doubts.open("owner", false), doubts.open("silent", false)];
    owner.call("context");
    const verdict = owner.close(true);
    void silent.close(false);
    expect(await verdict).toBe(null);
  });

  it("is forgotten with the last that ran beside it", async () => {
    const doubts = createDoubts();
    for (let i = 0; i < 3; i++) {
      const owner = doubts.open("owner", false);
      const silent = doubts.open("silent", false);
      if (i === 1) owner.call("context");
      void silent.close(true);
      expect(await owner.close(false)).toEqual(i === 1 ? { silent: "silent", calls: 1 } : null);
    }
  });
});

describe("a rollout that is over twice", () => {
  it("was over the first time", () => {
    const doubts = createDoubts();
    const [owner, silent] = [doubts.open("owner", false), doubts.open("silent", false)];
    owner.call("context");
    expect([silent.close(false), silent.close(true), owner.close(true)]).toEqual([null, null, null]);
  });
});

describe("a rollout that may be silent", () => {
  it("casts no doubt, and nobody waits for it", () => {
    const doubts = createDoubts();
    const [owner, silent] = [doubts.open("owner", false), doubts.open("silent", true)];
    owner.call("context");
    expect(owner.close(true)).toBe(null);
    const other = doubts.open("other", false);
    other.call("context");
    expect(silent.close(true)).toBe(null);
    expect(other.close(true)).toBe(null);
  });
});

describe("a batch", () => {
  it("has the doubts of the process, but for one that a rollout runs", async () => {
    expect(doubtsOfBatch()).toBe(doubtsOfBatch());
    const nested = await runInRollout(testScope(), () => doubtsOfBatch() as never);
    expect(nested).not.toBe(doubtsOfBatch());
  });
});
