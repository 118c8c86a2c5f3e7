import { describe, expect, it } from "vitest";
import { batchCount } from "../../../src/trainer/run/batch-count.js";
import { isIterable, untilAborted } from "../../../src/trainer/run/until-aborted.js";

const never = new AbortController().signal;

/** A source by hand, which notes whether it was told to end. */
function source(steps: readonly (() => unknown)[]) {
  const told: string[] = [];
  let at = 0;
  const iterator = {
    next: () => steps[at++]?.() ?? { done: true, value: undefined },
    return: () => {
      told.push("return");
      return { done: true, value: undefined };
    },
  };
  return { told, iterable: { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<number> };
}
async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}
const give = (value: number) => () => ({ done: false, value });

describe("iteration until a signal aborts", () => {
  it("gives all that a source has, waited for or not, and tells one that has ended nothing", async () => {
    const { iterable, told } = source([give(1), give(2)]);
    expect(await all(untilAborted(iterable, never))).toEqual([1, 2]);
    expect(told).toEqual([]);
    expect(await all(untilAborted([3, 4], never))).toEqual([3, 4]);
  });

  it("ends its source when it is left early, and not when the source itself fails", async () => {
    const left = source([give(1), give(2)]);
    for await (const _ of untilAborted(left.iterable, never)) break;
    expect(left.told).toEqual(["return"]);
    const failing = source([give(1), () => Promise.reject(new Error("broke"))]);
    await expect(all(untilAborted(failing.iterable, never))).rejects.toThrow("broke");
    expect(failing.told).toEqual([]);
  });

  it("throws the signal's reason while the source hangs, and leaves that alone", async () => {
    const abort = new AbortController();
    const hanging = source([give(1), () => new Promise(() => abort.abort(new Error("enough")))]);
    const seen: number[] = [];
    const run = async () => {
      for await (const value of untilAborted(hanging.iterable, abort.signal)) seen.push(value);
    };
    await expect(run()).rejects.toThrow("enough");
    expect([seen, hanging.told]).toEqual([[1], []]);
  });

  it("takes what has an iterator of one kind or the other", () => {
    expect([[], new Set(), source([]).iterable].map(isIterable)).toEqual([true, true, true]);
    const none = [{}, { [Symbol.iterator]: 1 }, { [Symbol.asyncIterator]: null }];
    expect(none.map(isIterable)).toEqual([false, false, false]);
  });
});

describe("the number of batches", () => {
  it("is known of lists and sets alone", () => {
    expect([batchCount([1, 2]), batchCount(new Set([1])), batchCount([])]).toEqual([2, 1, 0]);
    expect([batchCount([1].values()), batchCount("ab")]).toEqual([undefined, undefined]);
  });
});
