// A run that is killed and started again ends where one that was left alone ends.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("resumed-run.mjs", import.meta.url));
const isSlow = process.env.AGL_SLOW_TESTS !== undefined;
const kills = isSlow ? 20 : 5;
let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-resume-"));
});
afterAll(() => rmSync(out, { recursive: true }));

interface Run {
  readonly isWhole: boolean;
  readonly steps: readonly string[];
  readonly last: string;
}

/** @param killAfter  milliseconds after its first words, or null */
function run(folder: string, store: string, killAfter: number | null): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder, store], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    const kill = () => killAfter !== null && setTimeout(() => child.kill("SIGKILL"), killAfter);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (output === "") kill();
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status !== 0 && signal !== "SIGKILL") return reject(new Error(errors));
      const lines = output.trim().split("\n");
      const steps = lines.filter((line) => line.startsWith("step"));
      return resolve({ isWhole: status === 0, steps, last: lines.at(-1) ?? "" });
    });
  });
}

function untimed(folder: string): unknown[] {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) =>
    Object.fromEntries(
      Object.entries(JSON.parse(line) as object).filter(([name]) => !name.startsWith("time/")),
    ),
  );
}

const adapterOf = (folder: string) => readFileSync(join(folder, "adapter", "adapter_model.safetensors"));

describe("a run killed again and again and started again", { timeout: 300_000 }, () => {
  it.each(isSlow ? ["memory:", "sqlite:"] : ["sqlite:"])(
    "on %s ends in the same adapter and metrics",
    async (scheme) => {
      const [whole, killed] = ["whole", "killed"].map((name) => mkdtempSync(join(out, name))) as [
        string,
        string,
      ];
      const storeOf = (folder: string) =>
        scheme === "memory:" ? scheme : `${scheme}${join(folder, "store.db")}`;
      const reference = await run(whole, storeOf(whole), null);
      expect(reference.steps).toHaveLength(24);

      let cut = 0;
      let last: Run | undefined;
      while (last?.isWhole !== true) {
        last = await run(killed, storeOf(killed), cut < kills ? (37 * cut + 11) % 45 : null);
        if (!last.isWhole) cut++;
      }
      expect(cut).toBe(kills);
      expect(adapterOf(killed).equals(adapterOf(whole))).toBe(true);
      expect(untimed(killed)).toEqual(untimed(whole));
      expect(JSON.parse(last.last)).toMatchObject({ open: 0 });
    },
  );

  it("refuses the checkpoint of another run's seed, and a damaged one, and keeps both", async () => {
    const { createTrainer } = await import("../../../src/trainer/create-trainer.js");
    const { tinyPolicy } = await import("../tiny-policy.js");
    await using policy = await tinyPolicy();
    const checkpointFile = join(out, "tiny.safetensors");
    const options = { policy, agent: () => 1, checkpointFile };
    await using first = createTrainer({ ...options, seed: 1 });
    expect(await first.resume()).toBe(0);
    const bytes = readFileSync(checkpointFile);
    await using other = createTrainer({ ...options, seed: 2 });
    await expect(other.resume()).rejects.toMatchObject({ code: "E_ARGUMENT" });
    expect(readFileSync(checkpointFile).equals(bytes)).toBe(true);

    writeFileSync(checkpointFile, bytes.subarray(0, bytes.length - 1));
    await using again = createTrainer({ ...options, seed: 1 });
    await expect(again.step(["a"])).rejects.toMatchObject({ code: "E_MODEL" });
    expect(existsSync(checkpointFile)).toBe(true);
  });
});
