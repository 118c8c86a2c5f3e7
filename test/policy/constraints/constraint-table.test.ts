import { expect, it } from "vitest";
import { createConstraintTable } from "../../../src/policy/constraints/constraint-table.js";
import type { NativeConstraints } from "../../../src/policy/engine/native-constraints.js";

function recorded(bytes: number, mostBytes: number) {
  const made: number[] = [];
  let closes = 0;
  const native: NativeConstraints = {
    make: async (words) => {
      made.push(words[0] ?? -1);
      if (words[0] === 99) throw Object.assign(new Error("refused"), { code: "E_ARGUMENT" });
      return { handle: words[0], bytes };
    },
    close: () => void closes++,
  };
  const table = createConstraintTable(async () => native, mostBytes);
  const make = (word: number) => table.make("who", String(word), () => Int32Array.of(word));
  return { table, make, made, closes: () => closes };
}

it("keeps what was used last, up to its bytes", async () => {
  const { make, made } = recorded(40, 100);
  for (const word of [1, 2, 1, 3, 1, 2]) await make(word);
  expect(made).toEqual([1, 2, 3, 2]);
});

it("keeps nothing of what was refused, and asks again", async () => {
  const { make, made } = recorded(40, 100);
  await expect(make(99)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  await expect(make(99)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  expect(made).toEqual([99, 99]);
});

it("knows its own constraints alone", async () => {
  const { table, make } = recorded(1, 100);
  expect(table.handleOf("who", await make(7))).toBe(7);
  const other = await recorded(1, 100).make(7);
  for (const wrong of [other, { bytes: 1 }, undefined, 7])
    expect(() => table.handleOf("who", wrong)).toThrow(/expected constraint to be/);
});

it("closes what it opened, and what opens while it closes", async () => {
  const opened = recorded(1, 100);
  await opened.make(1);
  opened.table.close();
  expect(opened.closes()).toBe(1);
  await expect(opened.make(1)).rejects.toMatchObject({ code: "E_CLOSED" });
  const opening = recorded(1, 100);
  const making = opening.make(1);
  opening.table.close();
  await expect(making).rejects.toMatchObject({ code: "E_CLOSED" });
  expect(opening.closes()).toBe(1);
});
