// Which records a query asks for.
import { describe, expect, it } from "vitest";
import {
  hasSpanFilters,
  isEverything,
  matchesResources,
  matchesRollout,
  matchesSpan,
  matchesWorker,
} from "../../src/store/matches.js";
import { checkRolloutFilters, metadataMatches } from "../../src/store/metadata-filter.js";
import { probeStore } from "../../src/store/probe.js";

const rollout = { rolloutId: "ro-abc", status: "running", mode: "train", metadata: { i: 3, name: "x" } };
const span = { traceId: "t1", spanId: "s1", parentId: null, name: "call" };

describe("a rollout", () => {
  const passes = (query: object) => matchesRollout(rollout as never, query);

  it.each<[object, boolean]>([
    [{}, true],
    [{ statusIn: ["running", "failed"] }, true],
    [{ statusIn: ["failed"] }, false],
    [{ statusIn: [] }, false],
    [{ rolloutIdIn: ["ro-abc"] }, true],
    [{ rolloutIdIn: ["ro-ab"] }, false],
    [{ rolloutIdContains: "ab" }, true],
    [{ rolloutIdContains: "xy" }, false],
    [{ mode: "train" }, true],
    [{ mode: "val" }, false],
    [{ metadata: { i: 3 } }, true],
    [{ metadata: { i: 4 } }, false],
    [{ metadata: {} }, true],
    [{ statusIn: ["running"], mode: "val" }, false],
    [{ statusIn: ["running"], mode: "val", filterLogic: "or" }, true],
    [{ statusIn: ["failed"], mode: "val", filterLogic: "or" }, false],
    [{ filterLogic: "or" }, true],
    [{ filterLogic: "or", metadata: { i: 4, name: "x" } }, true],
    [{ filterLogic: "and", metadata: { i: 4, name: "x" } }, false],
  ])("is asked for by %j: %s", (query, answer) => {
    expect(passes(query)).toBe(answer);
  });

  it("is asked for whatever it is by a query without filters alone", () => {
    expect([isEverything({}), isEverything({ filterLogic: "or", limit: 3 })]).toEqual([true, true]);
    const filters = [
      { statusIn: [] },
      { rolloutIdIn: [] },
      { rolloutIdContains: "" },
      { mode: "val" as const },
      { metadata: {} },
    ];
    expect(filters.map(isEverything)).toEqual(filters.map(() => false));
  });
});

describe("a span", () => {
  it.each<[object, boolean]>([
    [{}, true],
    [{ traceId: "t1", spanId: "s1", name: "call" }, true],
    [{ traceId: "t" }, false],
    [{ traceIdContains: "t" }, true],
    [{ spanId: "s" }, false],
    [{ spanIdContains: "1" }, true],
    [{ spanIdContains: "2" }, false],
    [{ parentId: "s0" }, false],
    [{ parentIdContains: "" }, true],
    [{ parentIdContains: "s" }, false],
    [{ name: "cal" }, false],
    [{ nameContains: "al" }, true],
    [{ nameContains: "x", traceId: "t1", filterLogic: "or" }, true],
  ])("is asked for by %j: %s", (query, answer) => {
    expect(matchesSpan(span as never, query)).toBe(answer);
  });

  it("is filtered by each of its names, and not by its attempt or a page", () => {
    const names = [
      "traceId",
      "traceIdContains",
      "spanId",
      "spanIdContains",
      "parentId",
      "parentIdContains",
      "name",
      "nameContains",
    ];
    expect(names.map((name) => hasSpanFilters({ [name]: "" }))).toEqual(names.map(() => true));
    expect([hasSpanFilters({}), hasSpanFilters({ attemptId: "a", limit: 1 })]).toEqual([false, false]);
  });
});

describe("workers and resources", () => {
  it("are asked for by status and by parts of their ids", () => {
    const worker = { workerId: "w-12", status: "idle" } as never;
    const answers = [
      {},
      { statusIn: ["idle"] },
      { statusIn: ["busy"] },
      { workerIdContains: "12" },
      { workerIdContains: "3" },
    ];
    expect(answers.map((query) => matchesWorker(worker, query as never))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    const either = { statusIn: ["busy"], workerIdContains: "12", filterLogic: "or" } as const;
    expect(matchesWorker(worker, either)).toBe(true);
    const update = { resourcesId: "rs-1" } as never;
    const queries = [
      {},
      { resourcesId: "rs-1" },
      { resourcesId: "rs" },
      { resourcesIdContains: "rs" },
      { resourcesId: "rs", resourcesIdContains: "rs" },
    ];
    expect(queries.map((query) => matchesResources(update, query))).toEqual([true, true, false, true, false]);
  });
});

describe("a filter of metadata", () => {
  const accepts = (value: unknown, filter: unknown) =>
    metadataMatches({ a: value }, { a: filter as never })[0];

  it("is a value, or a range that has its ends", () => {
    expect([
      accepts(1, 1),
      accepts(1, 2),
      accepts("1", 1),
      accepts(null, null),
      accepts(false, false),
    ]).toEqual([...[true, false, false, true, true]]);
    expect([1, 2, 3, 4].map((value) => accepts(value, { min: 2, max: 3 }))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect([accepts(9, { min: 2 }), accepts(-9, { max: 2 }), accepts("2", { min: 1 })]).toEqual([
      true,
      true,
      false,
    ]);
    expect(metadataMatches({}, { a: null, toString: null } as never)).toEqual([false, false]);
    expect(metadataMatches({ a: 1 })).toEqual([]);
  });

  it.each<[object, string]>([
    [{ metadata: 5 }, "metadata to be an object"],
    [{ metadata: null }, "metadata to be an object"],
    [{ metadata: [1] }, "metadata to be an object"],
    [{ metadata: { a: undefined } }, "metadata.a to be text"],
    [{ metadata: { a: {} } }, "metadata.a to be text"],
    [{ metadata: { a: [1] } }, "metadata.a to be text"],
    [{ metadata: { a: { min: 1, most: 2 } } }, "metadata.a to be text"],
    [{ metadata: { a: { min: "1" } } }, "metadata.a.min"],
    [{ metadata: { a: { min: 1, max: Number.NaN } } }, "metadata.a.max"],
    [{ metadata: { a: Number.NaN } }, "metadata.a"],
    [{ mode: "training" }, "mode"],
    [{ filterLogic: "xor" }, "filterLogic"],
  ])("is refused when it is none: %j", (query, said) => {
    expect(() => checkRolloutFilters("who", query as never)).toThrow(said);
  });

  it("is taken with any value of JSON that is no list, and with one end or both", () => {
    const metadata = {
      a: "x",
      b: 1,
      c: true,
      d: null,
      e: { min: 1 },
      f: { max: 2 },
      g: { min: 1, max: undefined },
    };
    expect(() =>
      checkRolloutFilters("who", { metadata, mode: "val", filterLogic: "or" } as never),
    ).not.toThrow();
    expect(() => checkRolloutFilters("who", {})).not.toThrow();
  });
});

describe("a store's probe", () => {
  it("is its own, else what it says of itself", async () => {
    const asked: string[] = [];
    const statistics = async () => void asked.push("statistics");
    await probeStore({ statistics } as never);
    await probeStore({ statistics, probe: async () => void asked.push("probe") } as never);
    expect(asked).toEqual(["statistics", "probe"]);
  });
});
