import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createMetricsFile } from "../../../src/trainer/run/metrics-file.js";
import { metrics } from "../../../src/types/metrics.js";

const folder = mkdtempSync(join(tmpdir(), "agl-metrics-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a line of metrics.jsonl", () => {
  it("has the table's names in its order, then others by name, then times, whatever order they come in", async () => {
    const known = metrics.map(({ name }) => name).filter((name) => !name.startsWith("time/"));
    const expected = [...known, "own/a", "own/b", "own/c", "time/step", "time/x"];
    const path = join(folder, "order.jsonl");
    const file = createMetricsFile(path);
    await file.prepare();
    const mixed = ["own/b", "time/x", "own/c", ...known.toReversed(), "time/step", "own/a"];
    for (const names of [mixed, mixed.toReversed(), expected])
      await file.write(Object.fromEntries(names.map((name, i) => [name, i])));
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([expected, expected, expected]);
  });

  it("is taken back when its step is taken again, and one that was cut short with it", async () => {
    const path = join(folder, "rewind.jsonl");
    const file = createMetricsFile(path);
    await file.prepare();
    for (const step of [0, 1, 2]) await file.write({ step, "own/a": step });
    await file.rewind(2);
    expect(readFileSync(path, "utf8")).toBe('{"step":0,"own/a":0}\n{"step":1,"own/a":1}\n');
    await file.rewind(0);
    expect(readFileSync(path, "utf8")).toBe("");
  });
});
