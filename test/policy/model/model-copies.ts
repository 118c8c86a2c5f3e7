// Copies of the reference models that tests may damage, and readers of their parts.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { type Json, modelDir, readJson } from "../fixture-models.js";

/** An empty folder, gone when the test is over. */
export function emptyFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "agl-model-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A copy of a reference model (qwen2 or llama3, which every checkout has), gone when the test is over. */
export function copyModel(name: "qwen2" | "llama3"): string {
  const dir = emptyFolder();
  const source = modelDir(name);
  if (source === undefined) throw new Error(`expected the model ${name}, got none`);
  cpSync(source, dir, { recursive: true, filter: (file) => !/expected/.test(file) });
  return dir;
}

/** Changes fields of a JSON file; undefined removes one. */
export function editJson(file: string, changes: Json): void {
  writeFileSync(file, JSON.stringify({ ...readJson(file), ...changes }));
}

/** Rewrites a safetensors file with another header; the data stays. */
export function editHeader(file: string, edit: (header: Json) => Json): void {
  const { header, data } = splitSafetensors(readFileSync(file));
  const edited = edit(header);
  const text = typeof edited === "string" ? edited : JSON.stringify(edited);
  writeFileSync(file, joinSafetensors(text, data));
}

export function splitSafetensors(bytes: Buffer): { header: Json; data: Buffer } {
  const end = 8 + Number(bytes.readBigUInt64LE());
  return { header: JSON.parse(bytes.toString("utf8", 8, end)), data: bytes.subarray(end) };
}

export function joinSafetensors(header: string | Buffer, data: Buffer): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** Runs what must fail as a model error; returns the message. */
export function modelErrorOf(run: () => unknown): string {
  return errorOf("E_MODEL", run);
}

export function errorOf(code: string, run: () => unknown): string {
  let got: unknown;
  try {
    run();
  } catch (error) {
    got = error;
  }
  expect(got).toBeInstanceOf(LightningError);
  expect((got as LightningError).code).toBe(code);
  return (got as LightningError).message;
}
