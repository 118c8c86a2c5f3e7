// The command as users run it: built, in a process of its own. Tests that need a .ts file of src run its .js in dist.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LightningStore } from "../../src/store/store.js";

export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Agl {
  readonly child: ChildProcess;
  /** Exit code, or the signal's name. */
  readonly done: Promise<number | string>;
  readonly output: { out: string; err: string };
  /** Resolves with the match when stderr has it. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
}

export function agl(args: readonly string[], options: { readonly env?: Record<string, string> } = {}): Agl {
  const env = { ...process.env, ...options.env };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { out: "", err: "" };
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.err += text;
    for (const listener of listeners) listener();
  });
  const done = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => resolve(signal ?? code ?? "nothing"));
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const match = output.err.match(pattern);
        if (match !== null) resolve(match);
      };
      listeners.add(look);
      look();
      void done.then((end) =>
        reject(new Error(`agl ended with ${end} before it said ${pattern}:\n${output.err}`)),
      );
    });
  return { child, done, output, says };
}

export interface Folder extends Disposable {
  readonly path: string;
  /** @returns the file's path */
  write(name: string, text: string): string;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "agl-cli-"));
  return {
    path,
    write: (name, text) => {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Looks again until it is so. */
export async function until(isSo: () => Promise<boolean> | boolean, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`expected ${isSo} within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Statuses of the rollout and of its attempts, in order. */
export async function statusesOf(store: LightningStore, rolloutId: string): Promise<string[]> {
  const { items } = await store.queryAttempts(rolloutId);
  return [(await store.getRollout(rolloutId)).status, ...items.map(({ status }) => status)];
}
