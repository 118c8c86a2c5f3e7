import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { createKeptRollouts } from "../../../src/trainer/rollouts/kept-rollouts.js";

function open() {
  const store = createMemoryStore();
  const kept = createKeptRollouts(store, { step: 2 });
  /** A batch of rollouts of that name, ended; one more that does not end where told. */
  const batch = async (kind: string, name: string, options: { readonly leaves?: boolean } = {}) => {
    for (let i = 0; i < 3; i++) {
      const { rolloutId } = await store.startRollout({ input: name });
      if (i < 2 || !options.leaves) await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
    }
    await kept.settle(kind);
  };
  const names = async () => {
    const { items } = await store.queryRollouts();
    return [...new Set(items.map(({ input }) => String(input)))];
  };
  return { store, batch, names };
}

describe("a trainer's own store", () => {
  it.each<readonly [string, readonly (readonly [string, string])[], readonly string[]]>([
    [
      "the last two steps",
      [
        ["step", "s0"],
        ["step", "s1"],
        ["step", "s2"],
        ["step", "s3"],
      ],
      ["s2", "s3"],
    ],
    ["one step when there is one", [["step", "s0"]], ["s0"]],
    [
      "the last evaluation",
      [
        ["evaluate", "e0"],
        ["evaluate", "e1"],
        ["evaluate", "e2"],
      ],
      ["e2"],
    ],
    [
      "steps whatever is evaluated between them",
      [
        ["step", "s0"],
        ["evaluate", "e0"],
        ["step", "s1"],
        ["evaluate", "e1"],
      ],
      ["s0", "s1", "e1"],
    ],
    [
      "an evaluation whatever is trained after it",
      [
        ["evaluate", "e0"],
        ["step", "s0"],
        ["step", "s1"],
        ["step", "s2"],
      ],
      ["e0", "s1", "s2"],
    ],
    [
      "the last look at one rollout",
      [
        ["dev", "d0"],
        ["dev", "d1"],
        ["step", "s0"],
      ],
      ["d1", "s0"],
    ],
  ])("keeps %s", async (_, batches, expected) => {
    const { store, batch, names } = open();
    for (const [kind, name] of batches) await batch(kind, name);
    expect(await names()).toEqual(expected);
    expect((await store.statistics()).rollouts).toBe(3 * expected.length);
    await store.close();
  });

  it("keeps what has not ended until it has", async () => {
    const { store, batch, names } = open();
    await batch("evaluate", "open", { leaves: true });
    await batch("evaluate", "e1");
    expect(await names()).toEqual(["open", "e1"]);
    const { items } = await store.queryRollouts({ statusIn: ["preparing"] });
    expect(items).toHaveLength(1);
    for (const { rolloutId } of items) await store.cancel(rolloutId);
    await batch("evaluate", "e2");
    await batch("evaluate", "e3");
    expect(await names()).toEqual(["e3"]);
    await store.close();
  });
});
