// Reading a safetensors file: the header alone, every claim in it checked. No weight is read here.
// Layout: u64 length of the header, the header (JSON), the tensors' bytes without holes. Writing: safetensors-writer.ts.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { showValue } from "../../base/check.js";
import { duplicateKey } from "./duplicate-key.js";
import { isLfsPointer, kLfsPointer, modelError } from "./model-file.js";

/** Where a tensor lies: bytes [begin, end) of the file, little-endian, rows one after another. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Safetensors {
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes of one element. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
} as const;

export type SafetensorsDtype = keyof typeof dtypeBytes;

/**
 * @throws E_MODEL naming the file and the tensor or field, when the file is missing, cut short, or its header lies
 */
export function readSafetensors(file: string): Safetensors {
  const fail: Refusal = (expected, got, cause) =>
    modelError(dirname(file), basename(file), expected, got, cause);
  const { bytes, fileBytes } = readHeader(file, fail);
  const header = parseHeader(bytes, fail);
  const data = kLengthBytes + bytes.length;
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(header.tensors)) {
    tensors.set(name, toEntry(name, value, data, fail));
  }
  checkCover(tensors, data, fileBytes, fail);
  return { tensors, metadata: header.metadata };
}

// --- internal ---

type Refusal = (expected: string, got: string, cause?: unknown) => Error;

const kLengthBytes = 8;
const kPointerBytes = 32;
// The reference implementation's limit.
const kMaxHeaderBytes = 100_000_000;

const count = z.int().min(0);
const dtypes = Object.keys(dtypeBytes) as [SafetensorsDtype, ...SafetensorsDtype[]];
const entrySchema = z.strictObject({
  dtype: z.enum(dtypes),
  shape: z.array(count).max(32),
  data_offsets: z.tuple([count, count]),
});
const metadataSchema = z.record(z.string(), z.string());

function readHeader(file: string, fail: Refusal): { readonly bytes: Uint8Array; readonly fileBytes: number } {
  let descriptor: number;
  try {
    // Without O_NONBLOCK (absent on Windows) opening a pipe waits for its writer.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw fail("a readable file", String(cause), cause);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw fail("a file", "something else");
    const fileBytes = status.size;
    const begin = readAt(descriptor, 0, Math.min(fileBytes, kPointerBytes), fail).toString("latin1");
    if (isLfsPointer(begin)) throw fail("the file itself", kLfsPointer);
    const length = readAt(descriptor, 0, kLengthBytes, fail).readBigUInt64LE();
    const limit = Math.min(kMaxHeaderBytes, fileBytes - kLengthBytes);
    if (length > BigInt(limit)) throw fail(`a header of at most ${limit} bytes`, `a header of ${length}`);
    return { bytes: readAt(descriptor, kLengthBytes, Number(length), fail), fileBytes };
  } finally {
    closeSync(descriptor);
  }
}

function readAt(descriptor: number, position: number, bytes: number, fail: Refusal): Buffer {
  const buffer = Buffer.alloc(bytes);
  let done = 0;
  while (done < bytes) {
    let got: number;
    try {
      got = readSync(descriptor, buffer, done, bytes - done, position + done);
    } catch (cause) {
      throw fail("a readable file", String(cause), cause);
    }
    if (got === 0) throw fail(`${position + bytes} bytes`, `${position + done}`);
    done += got;
  }
  return buffer;
}

function parseHeader(
  bytes: Uint8Array,
  fail: Refusal,
): { readonly tensors: Record<string, unknown>; readonly metadata: Record<string, string> } {
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw fail("a header of JSON", String(cause), cause);
  }
  const isRecord = typeof header === "object" && header !== null && !Array.isArray(header);
  if (!isRecord || !text.startsWith("{")) throw fail("a header that is a JSON object", text.slice(0, 20));
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fail("every name in the header once", `${showValue(twice)} twice`);
  const { __metadata__: metadata, ...tensors } = header as Record<string, unknown>;
  const checked = metadataSchema.safeParse(metadata ?? {});
  if (!checked.success)
    throw fail("__metadata__ to map names to text", checked.error.issues[0]?.message ?? "");
  return { tensors, metadata: checked.data };
}

function toEntry(name: string, value: unknown, data: number, fail: Refusal): SafetensorsEntry {
  const who = showValue(name);
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = [who, ...(issue?.path ?? [])].join(".");
    throw fail(`tensor ${field} as the format has it`, issue?.message ?? "", result.error);
  }
  const { dtype, shape, data_offsets: offsets } = result.data;
  let bytes: number = dtypeBytes[dtype];
  for (const length of shape) bytes *= length;
  if (!Number.isSafeInteger(bytes)) throw fail(`tensor ${who} to have a possible shape`, `[${shape}]`);
  if (offsets[1] - offsets[0] !== bytes) {
    throw fail(`tensor ${who} (${dtype} [${shape}]) to have ${bytes} bytes`, `data_offsets [${offsets}]`);
  }
  return { dtype, shape, begin: data + offsets[0], end: data + offsets[1] };
}

// The tensors must cover the data from its first byte to the file's last, none twice.
function checkCover(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  data: number,
  fileBytes: number,
  fail: Refusal,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = data;
  for (const [name, entry] of inOrder) {
    if (entry.begin !== end) {
      const problem = entry.begin < end ? "an overlap" : "a hole";
      throw fail(`tensor ${showValue(name)} to begin at byte ${end}`, `${entry.begin} (${problem})`);
    }
    end = entry.end;
  }
  if (end !== fileBytes) throw fail(`${end} bytes, as the header says`, `${fileBytes}`);
}
