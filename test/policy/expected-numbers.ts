// expected.safetensors of a reference model: what transformers and PEFT computed in float64.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../../src/policy/model/safetensors.js";

export interface ExpectedTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface ExpectedNumbers {
  get(name: string): ExpectedTensor;
  /** The tensors whose name begins with the prefix, by the rest of their names. */
  under(prefix: string): Map<string, Float64Array>;
  /** The rows of a matrix. */
  rows(name: string): number[][];
}

export function readExpected(dir: string): ExpectedNumbers {
  const file = join(dir, "expected.safetensors");
  const tensors = readTensors(file);
  const get = (name: string): ExpectedTensor => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`${file}: expected tensor ${name}, got none`);
    return found;
  };
  return {
    get,
    under: (prefix) =>
      new Map(
        [...tensors].flatMap(([name, { data }]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), data] as const] : [],
        ),
      ),
    rows(name) {
      const { shape, data } = get(name);
      const width = shape.at(-1) ?? 1;
      return Array.from({ length: data.length / width }, (_, r) => [
        ...data.slice(r * width, (r + 1) * width),
      ]);
    },
  };
}

/** All tensors of a safetensors file of I64, F32 and F64, widened to doubles. */
export function readTensors(file: string): Map<string, ExpectedTensor> {
  const bytes = readFileSync(file);
  return new Map(
    [...readSafetensors(file).tensors].map(([name, { dtype, shape, begin, end }]) => {
      const own = bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + end) as ArrayBuffer;
      return [name, { shape, data: toDoubles(dtype, own) }];
    }),
  );
}

/** Norm of the difference over the norm of the expected. NaN where a length differs. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (Number(actual[i]) - Number(expected[i])) ** 2;
    norm += Number(expected[i]) ** 2;
  }
  return Math.sqrt(difference) / Math.sqrt(norm);
}

/** NaN where a length differs or a number is NaN. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(Number(actual[i]) - Number(expected[i]));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

// --- internal ---

function toDoubles(dtype: string, bytes: ArrayBuffer): Float64Array {
  if (dtype === "F64") return new Float64Array(bytes);
  if (dtype === "F32") return Float64Array.from(new Float32Array(bytes));
  if (dtype === "I64") return Float64Array.from(new BigInt64Array(bytes), Number);
  throw new Error(`expected F64, F32 or I64, got ${dtype}`);
}
