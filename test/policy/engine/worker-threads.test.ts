import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { qwen2 } from "../fixture-models.js";

const run = promisify(execFile);
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// A crash shows as an exit code or a signal, which execFile throws.
describe("a worker thread that is ended", () => {
  it.each([
    ["sample", "12"],
    ["train", "12"],
    ["score", "6"],
    ["load", "6"],
    ["save", "6"],
    ["adapters", "6"],
    ["both", "6"],
  ])(
    "in the middle of %s, %s times, leaves the process working",
    { timeout: 240_000 },
    async (kind, times) => {
      const { stdout, stderr } = await run(process.execPath, [
        script("ended-worker.mjs"),
        kind,
        qwen2,
        times,
      ]);
      expect(stdout).toBe(`ended ${times}\n`);
      expect(stderr).toBe("");
    },
  );
});

describe("a process that exits", () => {
  it.each(["sample", "train", "score", "load", "save", "adapters", "both"])(
    "in the middle of %s ends as it was told to",
    { timeout: 60_000 },
    async (kind) => {
      const { stdout, stderr } = await run(process.execPath, [
        script("ended-worker.mjs"),
        kind,
        qwen2,
        "exit",
      ]);
      expect([stdout, stderr]).toEqual(["", ""]);
    },
  );
});

describe("the memory of a policy", () => {
  it.each(["close", "forget"])("is given back: %s", { timeout: 240_000 }, async (kind) => {
    const { stdout } = await run(process.execPath, ["--expose-gc", script("memory-loop.mjs"), kind, qwen2]);
    const { grownBytes, policyBytes } = JSON.parse(stdout);
    // Thirty policies came and went; holding on to a hundredth of each would show.
    expect(grownBytes).toBeLessThan(policyBytes / 4);
  });

  it("does not keep a process alive that has nothing left to do", { timeout: 60_000 }, async () => {
    const code = `
      const { loadPolicy } = await import(process.argv[1]);
      const policy = await loadPolicy(process.argv[2], { contextLength: 64, cacheTokens: 128 });
      await policy.sample({ prompt: [1], maxTokens: 2 });
      console.log("done");`;
    const args = ["--input-type=module", "-e", code, script("../../../dist/index.js"), qwen2];
    const { stdout } = await run(process.execPath, args, { timeout: 30_000 });
    expect(stdout).toBe("done\n");
  });
});
