// The reference models: two copied into the repository, all four beside a full checkout.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const kRoot = fileURLToPath(new URL("../../", import.meta.url));

export const modelNames = ["qwen2", "qwen3", "llama3", "mistral"] as const;

/** The model's folder, or undefined where this checkout does not have it. */
export function modelDir(name: string): string | undefined {
  const places = [`../shared/fixtures/models/${name}`, `test/fixtures/models/${name}`];
  return places.map((place) => join(kRoot, place)).find((dir) => existsSync(join(dir, "tokenizer.json")));
}

/** A model that every checkout has. */
export const qwen2 = join(kRoot, "test/fixtures/models/qwen2");

export interface ExpectedText {
  readonly chat: readonly { messages: never[]; tools: never[] | null; text: string }[];
  readonly encode: readonly { text: string; ids: number[] }[];
}

export function expectedText(dir: string): ExpectedText {
  return JSON.parse(readFileSync(join(dir, "expected_text.json"), "utf8"));
}

// biome-ignore lint/suspicious/noExplicitAny: tests edit foreign JSON at any depth
export type Json = any;

export function readJson(file: string): Json {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** A folder with these files (text as it is, the rest as JSON), gone when the test is over. */
export function temporaryFolder(files: Record<string, unknown>): string {
  const dir = mkdtempSync(join(tmpdir(), "agl-text-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(dir, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return dir;
}

/** Runs and returns what it throws. */
export function thrownBy(run: () => unknown): Error & { code?: string } {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected an error, got none");
}
