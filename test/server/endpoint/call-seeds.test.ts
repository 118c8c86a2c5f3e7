import { describe, expect, it } from "vitest";
import { createCallSeeds } from "../../../src/server/endpoint/call-seeds.js";
import { scripted } from "./scripted-policy.js";

const soon = (ids: readonly number[], turns: number) =>
  new Promise<{ readonly ids: Int32Array }>((resolve) => {
    const wait = (left: number) =>
      left === 0 ? resolve({ ids: Int32Array.from(ids) }) : setImmediate(wait, left - 1);
    wait(turns);
  });

describe("the seeds of calls", () => {
  it("follow the order in which equal prompts came in, whichever is encoded first", async () => {
    const inOrder = createCallSeeds(7n);
    const [a, b, c] = [
      await inOrder.next(soon([1, 2], 0)),
      await inOrder.next(soon([1, 2], 0)),
      await inOrder.next(soon([3], 0)),
    ];
    for (const delays of [
      [0, 0, 0],
      [5, 0, 2],
      [0, 5, 1],
      [9, 4, 0],
      [2, 9, 5],
    ] as const) {
      const seeds = createCallSeeds(7n);
      const prompts = [[1, 2], [1, 2], [3]] as const;
      const got = await Promise.all(prompts.map((ids, i) => seeds.next(soon(ids, delays[i] ?? 0))));
      expect(got).toEqual([a, b, c]);
    }
    expect(a).not.toBe(b);
    expect(c).toBe(a);
  });

  it("are not taken by prompts that fail, which hold nobody up", async () => {
    const seeds = createCallSeeds(7n);
    const failed = seeds.next(soon([1], 3).then(() => Promise.reject(new Error("too long"))));
    const next = seeds.next(soon([1], 0));
    await expect(failed).rejects.toThrow("too long");
    expect(await next).toBe(await createCallSeeds(7n).next(soon([1], 0)));
  });

  it("wait past a prompt that failed early for those before it", async () => {
    const inOrder = createCallSeeds(7n);
    const [first, second] = [await inOrder.next(soon([1], 0)), await inOrder.next(soon([1], 0))];
    const seeds = createCallSeeds(7n);
    const slow = seeds.next(soon([1], 9));
    const failed = seeds.next(Promise.reject(new Error("too long")));
    const last = seeds.next(soon([1], 0));
    await expect(failed).rejects.toThrow("too long");
    expect(await Promise.all([slow, last])).toEqual([first, second]);
  });

  it("are the same for concurrent calls of one rollout in every run", async () => {
    const ask = async () => {
      const policy = scripted(["a", "a", "a", "a"]);
      const contents = ["x", "x", "long ".repeat(50), "x"];
      const messages = (content: string) => [{ role: "user", content }];
      await Promise.all(contents.map((content) => policy.post({ model: "m", messages: messages(content) })));
      return policy.asked.map(({ seed }) => seed);
    };
    const first = await ask();
    expect(new Set(first).size).toBe(3);
    expect(await ask()).toEqual(first);
  });
});
