// metrics.jsonl: one object a line, keys in the order of the table of metrics, then others by name, then times; equal runs write equal
// bytes (time/* apart).
import { readFileSync, statSync } from "node:fs";
import { appendFile, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { toJsonValue } from "../../base/json-value.js";
import { writeFileAtomically } from "../../policy/model/atomic-file.js";
import { metrics, placeInStep } from "../../types/metrics.js";
import { writeOutput } from "./output-file.js";

export interface MetricsFile {
  /** Makes the file and its folder where they are missing, so that a wrong path is known before anything is trained. */
  prepare(): Promise<void>;
  /** Appends one line; resolves when it is written. */
  write(numbers: Readonly<Record<string, number>>): Promise<void>;
  /** Keeps the lines of steps before `steps`: those after it are taken again. */
  rewind(steps: number): Promise<void>;
}

/** Everything in it throws as `writeOutput` does when the file cannot be written. */
export function createMetricsFile(path: string): MetricsFile {
  const output = (write: () => unknown) => writeOutput("metricsFile", path, write);
  return {
    prepare: () =>
      output(async () => {
        await mkdir(dirname(path), { recursive: true });
        await appendFile(path, "");
      }),
    write(numbers) {
      const names = Object.keys(numbers).toSorted(
        (a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0),
      );
      const line = JSON.stringify(Object.fromEntries(names.map((name) => [name, numbers[name]])));
      return output(() => appendWhole(path, `${line}\n`));
    },
    rewind: (steps) =>
      output(() => {
        // A pipe or a terminal has let them go.
        if (!statSync(path).isFile()) return;
        const lines = readFileSync(path, "utf8").split("\n");
        const kept = lines.filter((line) => (stepOf(line) ?? steps) < steps);
        writeFileAtomically(path, [kept.map((line) => `${line}\n`).join("")]);
      }),
  };
}

// --- internal ---

/** A disk that is full in the middle of a line leaves the file as it was. */
async function appendWhole(path: string, text: string): Promise<void> {
  const file = await open(path, "a");
  try {
    const { size } = await file.stat();
    try {
      await file.appendFile(text);
    } catch (error) {
      // What cannot be cut has no lines; what failed first is what is told.
      await Promise.allSettled([file.truncate(size)]);
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** The place in a line: as in the table, what is not of a step in between, times last. */
function rank(name: string): number {
  if (name.startsWith("time/")) return metrics.length + 1;
  return placeInStep(name) ?? metrics.length;
}

/** Null for a line that a killed process left cut short. */
function stepOf(line: string): number | null {
  const step: unknown = Object(toJsonValue(line)).step;
  return typeof step === "number" ? step : null;
}
