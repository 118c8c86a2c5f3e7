import { describe, expect, it } from "vitest";
import type { Sources } from "./import-rule.js";
import { nativeFile, readSources, typescriptFile } from "./sources.js";

const tooLong = (sources: Sources, ceiling: number) =>
  Object.entries(sources)
    .map(([path, text]) => ({ path, lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0) }))
    .filter(({ lines }) => lines > ceiling);

describe("file ceilings", () => {
  it("no TypeScript file of src/ is longer than 300 lines", () => {
    expect(tooLong(readSources("src", typescriptFile), 300)).toEqual([]);
  });

  it("no file of native/ or bindings/ is longer than 400 lines", () => {
    expect(tooLong(readSources("native", nativeFile), 400)).toEqual([]);
    expect(tooLong(readSources("bindings", nativeFile), 400)).toEqual([]);
  });

  it("counts lines, with or without a last newline", () => {
    expect(tooLong({ a: "1\n2\n3\n", b: "1\n2\n3", c: "1\n2\n" }, 2).map(({ path }) => path)).toEqual([
      "a",
      "b",
    ]);
  });
});
