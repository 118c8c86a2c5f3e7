// Writing a safetensors file: the same tensors give the same bytes. Reading: safetensors.ts.
import { argumentError } from "../../base/check.js";
import { dtypeBytes, type SafetensorsDtype } from "./safetensors.js";

/** A tensor to be written: its elements in row order. */
export interface WritableTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A tensor whose bytes come later. */
export interface PlannedTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** The first bytes of a file and the order in which the tensors' bytes follow. */
export interface SafetensorsPlan {
  readonly header: Uint8Array;
  readonly order: readonly PlannedTensor[];
}

/**
 * The bytes of a file of float32 tensors, header first.
 * @throws E_ARGUMENT when a tensor's length is not the product of its shape
 */
export function safetensorsChunks(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  const planned: PlannedTensor[] = [];
  for (const [name, { data, shape }] of tensors) {
    const expected = shape.reduce((product, n) => product * n, 1);
    if (data.length !== expected) {
      throw argumentError("safetensorsChunks", `${expected} elements in ${name} [${shape}]`, data.length);
    }
    planned.push({ name, dtype: "F32", shape });
  }
  const { header, order } = planSafetensors(planned, metadata);
  return [header, ...order.map(({ name }) => toBytes(tensors.get(name)?.data))];
}

/** Lays tensors out as the reference implementation does: wide types first, then by name; the header padded to 8 bytes. */
export function planSafetensors(
  tensors: readonly PlannedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsPlan {
  const order = tensors.toSorted(
    (a, b) => dtypeBytes[b.dtype] - dtypeBytes[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let end = 0;
  for (const { name, dtype, shape } of order) {
    const begin = end;
    end += shape.reduce((product, n) => product * n, dtypeBytes[dtype]);
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return { header, order };
}

// --- internal ---

function toBytes(data: Float32Array = new Float32Array()): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
