// The page of a query and the order of its records, which other stores follow.
import { describe, expect, it } from "vitest";
import { checkMostChanges, toChangeNumber } from "../../src/store/cursor.js";
import { checkPaging, comparator, sortable, toPage } from "../../src/store/paging.js";

const fields = ["name", "size", "endTime", "config"];
const records = [
  { name: "b", size: 2, endTime: null as number | null },
  { name: "a", size: 10, endTime: 5 },
  { name: "c", size: 2, endTime: 7 },
];
const namesOf = (query: object, of: readonly object[] = records) =>
  toPage("who", of, query, fields)
    .items.map((record) => Reflect.get(record, "name"))
    .join("");

describe("a page", () => {
  it("is a part of the matches, with how many there are", () => {
    expect(toPage("who", records, {}, fields)).toEqual({ items: records, limit: null, offset: 0, total: 3 });
    expect(toPage("who", records, { limit: 1, offset: 1 }, fields)).toEqual({
      ...{ items: [records[1]], limit: 1, offset: 1, total: 3 },
    });
    expect(toPage("who", records, { limit: null, offset: 2 }, fields).items).toEqual([records[2]]);
    expect(toPage("who", records, { offset: 9 }, fields)).toMatchObject({ items: [], total: 3 });
  });

  it("is sorted by a field, equal ones in their order either way", () => {
    expect(namesOf({ sortBy: "name" })).toBe("abc");
    expect(namesOf({ sortBy: "name", sortOrder: "desc" })).toBe("cba");
    expect(namesOf({ sortBy: "size" })).toBe("bca");
    expect(namesOf({ sortBy: "size", sortOrder: "desc" })).toBe("abc");
    expect(namesOf({})).toBe("bac");
  });

  it("has what has no time at the end of time", () => {
    expect(namesOf({ sortBy: "endTime" })).toBe("acb");
    expect(namesOf({ sortBy: "endTime", sortOrder: "desc" })).toBe("bca");
  });

  it("takes what is absent for the least, and JSON by its text", () => {
    const mixed = [{ name: "x", size: 1 }, { name: "y" }, { name: "z", size: -1 }];
    expect(namesOf({ sortBy: "size" }, mixed)).toBe("zyx");
    const configs = [
      { name: "x", config: { b: 1 } },
      { name: "y", config: { a: 1 } },
      { name: "z", config: null },
    ];
    expect(namesOf({ sortBy: "config" }, configs)).toBe("zyx");
    expect([sortable(1), sortable("a"), sortable(null), sortable(undefined), sortable([1])]).toEqual([
      ...[1, "a", null, undefined, "[1]"],
    ]);
    expect(comparator("name", "asc")(null, "")).toBe(0);
    expect(comparator("size", "asc")(0, null)).toBe(0);
    expect(comparator("size", "desc")(null, 3)).toBe(1);
  });

  it.each<[object, string]>([
    [{ limit: 0 }, "limit"],
    [{ limit: 1.5 }, "limit"],
    [{ offset: -1 }, "offset"],
    [{ sortOrder: "up" }, "sortOrder"],
    [{ sortBy: "colour" }, "sortBy to be one of name, size, endTime, config"],
    [{ filterLogic: "xor" }, "filterLogic"],
  ])("is refused of %j", (query, said) => {
    expect(() => toPage("who", records, query as never, fields)).toThrow(said);
  });

  it("may be of any limit from 1, of none, and from 0 on", () => {
    for (const query of [
      {},
      { limit: 1 },
      { limit: null },
      { offset: 0 },
      { sortBy: "size", sortOrder: "asc" as const },
    ])
      expect(() => checkPaging("who", query, fields)).not.toThrow();
  });
});

describe("a cursor of changes", () => {
  it("is a number up to the last change, none is the beginning, and anything else is of another store", () => {
    expect([toChangeNumber(undefined, 5), toChangeNumber("0", 5), toChangeNumber("5", 5)]).toEqual([0, 0, 5]);
    for (const since of ["6", "", "-1", "1.5", " 1", "1x", "0000000000000001", 3 as never, null as never])
      expect(() => toChangeNumber(since, 5)).toThrow("a cursor that this store gave");
  });

  it("gives between one and a hundred thousand changes", () => {
    expect([1, 100_000].map(checkMostChanges)).toEqual([1, 100_000]);
    for (const limit of [0, 100_001, 1.5]) expect(() => checkMostChanges(limit)).toThrow("limit");
  });
});
