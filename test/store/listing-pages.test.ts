// Long lists of a store that is only asked by its queries, page after page; and those whose keys are known.
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { listingsOf, listKeyed } from "../../src/store/listings.js";
import { createMemoryStore } from "../../src/store/memory-store.js";

/** A store of so many resources and two workers, which notes what it is asked. */
function store(count: number) {
  const asked: unknown[] = [];
  const page = (
    items: readonly object[],
    { limit = null, offset = 0 }: { limit?: number | null; offset?: number },
  ) => ({
    ...{ limit, offset, total: items.length },
    items: items.slice(offset, limit === null ? undefined : offset + limit),
  });
  const all = Array.from({ length: count }, (_, i) => ({ i }));
  const workers = [
    { workerId: "v", status: "idle" },
    { workerId: "w", status: "idle" },
  ];
  const methods = {
    queryResources: async (query: { limit: number; offset: number }) => {
      asked.push([query.limit, query.offset]);
      return page(all, query);
    },
    queryWorkers: async (query: object) => page(workers, query),
    getWorker: async (id: string) => {
      const found = workers.find(({ workerId }) => workerId === id);
      if (id === "broken") throw new LightningError("E_STORE", "away");
      if (found === undefined) throw new LightningError("E_NOT_FOUND", id);
      return found;
    },
  };
  return { asked, listings: listingsOf(methods as never) };
}

const numbers = (items: readonly object[]) => items.map((item) => Reflect.get(item, "i"));

describe("a list of pages", () => {
  it("is asked for a thousand at a time, and again only for what it does not hold", async () => {
    const { asked, listings } = store(2500);
    const list = await listings.resources({});
    expect([list.total, list.length, asked]).toEqual([2500, 2500, [[1000, 0]]]);
    expect(numbers(await list.read(0, 2))).toEqual([0, 1]);
    expect(numbers(await list.read(998, 1000))).toEqual([998, 999]);
    expect(asked).toHaveLength(1);
    expect(numbers(await list.read(999, 1001))).toEqual([999, 1000]);
    expect(numbers(await list.read(1997, 1999))).toEqual([1997, 1998]);
    expect(asked.slice(1)).toEqual([[1000, 999]]);
    expect(numbers(await list.read(2498, 2500))).toEqual([2498, 2499]);
    expect(numbers(await list.read(0, 1))).toEqual([0]);
    expect(asked.slice(2)).toEqual([
      [2, 2498],
      [1000, 0],
    ]);
  });

  it("is the page of its query, and never longer than what there is", async () => {
    const { asked, listings } = store(10);
    const part = await listings.resources({ limit: 3, offset: 5 });
    expect([part.total, part.length, numbers(await part.read(0, 3)), asked]).toEqual([
      10,
      3,
      [5, 6, 7],
      [[3, 5]],
    ]);
    expect((await listings.resources({ limit: 9, offset: 5 })).length).toBe(5);
    expect((await listings.resources({ offset: 99 })).length).toBe(0);
    expect((await listings.resources({ limit: 4 })).length).toBe(4);
  });

  it("is read a thousand places at once at most", async () => {
    const list = await store(1500).listings.resources({});
    expect(await list.read(100, 1100)).toHaveLength(1000);
    await expect(list.read(100, 1101)).rejects.toThrow("at most 1000 places at once, got 1001");
  });

  it("of workers leaves one out that is there and matches", async () => {
    const { listings } = store(0);
    const ids = async (query: object, without?: string) => {
      const list = await listings.workers(query, without);
      return [list.total, (await list.read(0, list.length)).map(({ workerId }) => workerId).join("")];
    };
    expect(await ids({}, "v")).toEqual([1, "w"]);
    expect(await ids({}, "u")).toEqual([2, "vw"]);
    expect(await ids({})).toEqual([2, "vw"]);
    expect(await ids({ offset: 1 }, "v")).toEqual([1, ""]);
    expect(await ids({ limit: 1 }, "v")).toEqual([1, "w"]);
    expect(await ids({ statusIn: ["busy"] }, "v")).toEqual([2, "vw"]);
    await expect(listings.workers({}, "broken")).rejects.toThrow("away");
  });
});

describe("a list of keys", () => {
  const keyed = (forgotten: readonly number[] = []) => {
    const reads: number[] = [];
    const open = async () => ({
      keys: Float64Array.from({ length: 450 }, (_, i) => i),
      find: async (keys: Float64Array) => {
        reads.push(keys.length);
        const kept = [...keys].filter((key) => !forgotten.includes(key));
        return new Map(kept.map((key) => [key, { i: key, size: key % 3 }]));
      },
    });
    return { reads, open };
  };
  const options = { who: "who", fields: ["i", "size"], query: {} };

  it("reads nothing before it is read where its keys tell the order", async () => {
    const { reads, open } = keyed();
    const list = await listKeyed(open, options);
    expect([list.total, list.length, reads]).toEqual([450, 450, []]);
    await listKeyed(open, { ...options, query: { sortBy: "i", sortOrder: "desc" }, isSorted: true });
    expect(reads).toEqual([]);
    expect(numbers(await list.read(3, 5))).toEqual([3, 4]);
    expect(reads).toEqual([2]);
  });

  it("reads what it filters or sorts by two hundred at a time, and leaves out what is forgotten", async () => {
    const { reads, open } = keyed([1, 449]);
    const small = await listKeyed<{ i: number; size: number }>(open, {
      ...options,
      matches: ({ size }) => size === 1,
    });
    expect([small.total, reads]).toEqual([149, [200, 200, 50]]);
    expect(numbers(await small.read(0, 2))).toEqual([4, 7]);
    const sorted = await listKeyed(open, {
      ...options,
      query: { sortBy: "size", sortOrder: "desc", limit: 2, offset: 1 },
    });
    expect([sorted.total, sorted.length, numbers(await sorted.read(0, 2))]).toEqual([448, 2, [5, 8]]);
    const all = await listKeyed(keyed([7]).open, options);
    expect(numbers(await all.read(6, 9))).toEqual([6, 8]);
  });

  it.each([{ limit: 0 }, { sortBy: "colour" }, { filterLogic: "xor" as never }])(
    "is refused of %j",
    async (query) => {
      await expect(listKeyed(keyed().open, { ...options, query })).rejects.toMatchObject({
        code: "E_ARGUMENT",
      });
    },
  );
});

describe("a list of spans in memory", () => {
  it("that came in order is turned round where it is asked for from its end", async () => {
    await using store = createMemoryStore();
    const { rolloutId, attempt } = await store.startRollout({ input: 1 });
    const span = (sequenceId: number) =>
      ({
        rolloutId,
        attemptId: attempt.attemptId,
        sequenceId,
        spanId: `s${sequenceId}`,
        startTime: 1,
        endTime: 2,
      }) as never;
    await store.addSpans([span(1), span(2), span(3)]);
    for (const [query, expected] of [
      [{}, [1, 2, 3]],
      [{ sortOrder: "desc" }, [3, 2, 1]],
      [{ sortBy: "sequenceId", sortOrder: "asc" }, [1, 2, 3]],
      [{ sortBy: "spanId", sortOrder: "desc" }, [3, 2, 1]],
    ] as const) {
      const list = await listingsOf(store).spans(rolloutId, query);
      expect((await list.read(0, 3)).map(({ sequenceId }) => sequenceId)).toEqual(expected);
    }
    await store.addSpans([span(5), span(4)]);
    const mixed = await listingsOf(store).spans(rolloutId, {});
    expect((await mixed.read(0, 5)).map(({ sequenceId }) => sequenceId)).toEqual([1, 2, 3, 4, 5]);
  });
});
