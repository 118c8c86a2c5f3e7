// What a row says about where it was measured, and whether anything else ran meanwhile.
import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, totalmem } from "node:os";
import { root } from "../scripts/command.mjs";

/** Share of one core, by other processes, above which a measurement does not count. */
export const quietCores = 0.1;

/** @returns {{ cpu: string, cores: number, memoryBytes: number }} */
export function describeMachine() {
  return { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), memoryBytes: totalmem() };
}

/** The commit that is checked out, with "+" when tracked files differ from it. */
export function describeCommit() {
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results.jsonl");
  return `${git("rev-parse", "--short=12", "HEAD")}${changed === "" ? "" : "+"}`;
}

/** Seconds of processor time that all processes of the machine have used since it started. */
export function busySeconds() {
  const busy = cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq);
  return busy.reduce((sum, milliseconds) => sum + milliseconds, 0) / 1000;
}

/**
 * Waits for a second in which other processes use at most `quietCores`. This process sleeps meanwhile and must have no
 * child running.
 * @param {number} patienceSeconds
 * @returns {Promise<boolean>} false when there was none in time
 */
export async function waitForQuiet(patienceSeconds) {
  const begin = performance.now();
  do {
    const before = busySeconds();
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if ((busySeconds() - before) / ((performance.now() - start) / 1000) <= quietCores) return true;
  } while (performance.now() - begin < patienceSeconds * 1000);
  return false;
}

// --- internal ---

function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}
