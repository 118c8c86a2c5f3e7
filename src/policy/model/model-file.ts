// Reads the text files of a Hugging Face model folder; every error names the file and the field.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { LightningError } from "../../base/error.js";

/**
 * @returns the file's text, undefined when there is no such file
 * @throws E_MODEL when it is there and cannot be read
 */
export function readModelText(dir: string, name: string): string | undefined {
  try {
    return readFileSync(join(dir, name), "utf8");
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw modelError(dir, name, "a readable file", String(cause), cause);
  }
}

/**
 * @returns the file's JSON, checked by the schema; undefined when there is no such file
 * @throws E_MODEL when it is not JSON or not of the schema
 */
export function readModelJson<T>(dir: string, name: string, schema: z.ZodType<T>): T | undefined {
  const text = readModelText(dir, name);
  if (text === undefined) return undefined;
  if (isLfsPointer(text)) throw modelError(dir, name, "the file itself", kLfsPointer);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const got = text === "" ? "an empty file" : String(cause);
    throw modelError(dir, name, "JSON", got, cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join(".") || "the whole file";
  throw modelError(dir, name, `another value at ${field}`, issue?.message ?? "a mismatch", result.error);
}

/** The error of a wrong model file: `FILE: expected X, got Y`. */
export function modelError(
  dir: string,
  name: string,
  expected: string,
  got: string,
  cause?: unknown,
): LightningError {
  return new LightningError("E_MODEL", `${join(dir, name)}: expected ${expected}, got ${got}`, { cause });
}

/** What `git clone` leaves of a large file where git-lfs is not installed. */
export function isLfsPointer(begin: string): boolean {
  return begin.startsWith("version https://git-lfs");
}

/** As what such a file is got. */
export const kLfsPointer = "a pointer of Git LFS; run `git lfs install` and `git lfs pull` in the folder";

// --- internal ---

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
