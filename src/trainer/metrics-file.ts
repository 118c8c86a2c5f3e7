// metrics.jsonl: one object a line, keys in the order of their names, so that equal runs write equal bytes (time/* apart).
import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

export interface MetricsFile {
  /** Appends one line; resolves when it is written. */
  write(metrics: Readonly<Record<string, number>>): Promise<void>;
}

export function createMetricsFile(path: string): MetricsFile {
  let ready: Promise<unknown> | undefined;
  return {
    async write(metrics) {
      ready ??= mkdir(dirname(path), { recursive: true });
      await ready;
      const names = Object.keys(metrics).toSorted(
        (a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0),
      );
      const line = JSON.stringify(Object.fromEntries(names.map((name) => [name, metrics[name]])));
      await appendFile(path, `${line}\n`);
    },
  };
}

// --- internal ---

/** The step first, times last. */
function rank(name: string): number {
  if (name === "step") return 0;
  return name.startsWith("time/") ? 2 : 1;
}
