// metrics.jsonl on a disk that is full: the error names the option, and the file holds whole lines alone.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type * as promises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createMetricsFile } from "../../../src/trainer/run/metrics-file.js";

/** So many bytes of the next line are written, then it fails with the code; none: it is written whole. */
const disk = vi.hoisted(() => ({ code: "", bytes: 0 }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof promises>();
  const open: typeof promises.open = async (...args) => {
    const file = await real.open(...args);
    const append = file.appendFile.bind(file);
    file.appendFile = async (text) => {
      if (disk.code === "") return append(text);
      await append(String(text).slice(0, disk.bytes));
      throw Object.assign(new Error(`${disk.code}: no room, write`), { code: disk.code, errno: -28 });
    };
    return file;
  };
  return { ...real, default: { ...real, open }, open };
});

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-metrics-"));
});
afterAll(() => rmSync(out, { recursive: true }));

describe("a metrics file", () => {
  it.each([
    ["ENOSPC", 0],
    ["ENOSPC", 1],
    ["ENOSPC", 9],
    ["EDQUOT", 5],
    ["EIO", 3],
  ])("keeps whole lines when a write fails with %s after %i bytes, and goes on", async (code, bytes) => {
    const path = join(out, `${code}-${bytes}.jsonl`);
    const file = createMetricsFile(path);
    disk.code = "";
    await file.prepare();
    await file.write({ step: 0, x: 1 });
    const before = readFileSync(path, "utf8");
    Object.assign(disk, { code, bytes });
    await expect(file.write({ step: 1, x: 2 })).rejects.toMatchObject({
      code: "E_STATE",
      message: expect.stringMatching(`^createTrainer: expected .* metricsFile ${path}, got ${code}`),
    });
    expect(readFileSync(path, "utf8")).toBe(before);
    disk.code = "";
    await file.write({ step: 1, x: 2 });
    expect(readFileSync(path, "utf8")).toBe(`${before}{"step":1,"x":2}\n`);
  });
});
