import { describe, expect, it } from "vitest";
import { createDoubts } from "../../src/trainer/doubts.js";

describe("a rollout that ends with a reward and without a call", () => {
  it("puts calls in doubt that began by context while it ran, and counts them", () => {
    const doubts = createDoubts();
    const owner = doubts.open("owner");
    owner.call("context");
    const silent = doubts.open("silent");
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
    const owner = doubts.open("owner");
    const silent = doubts.open("silent");
    if (isBeside) owner.call(by);
    silent.end();
    if (!isBeside) owner.call(by);
    expect(silent.close(hasReward)).toBe(null);
    expect(owner.close(true)).toBe(null);
  });

  it("is waited for while it runs, also when it began late, and not once it has made a call", async () => {
    const doubts = createDoubts();
    const owner = doubts.open("owner");
    owner.call("context");
    const late = doubts.open("late");
    const early = doubts.open("early");
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
    const owner = doubts.open("owner");
    owner.call("context");
    doubts.open("later");
    expect(owner.close(true)).toBe(null);
  });

  it("that is over without a reward lets those go that waited", async () => {
    const doubts = createDoubts();
    const [owner, silent] = [doubts.open("owner"), doubts.open("silent")];
    owner.call("context");
    const verdict = owner.close(true);
    void silent.close(false);
    expect(await verdict).toBe(null);
  });
});
