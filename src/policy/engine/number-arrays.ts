// Per-token numbers as the native code takes them: Float64Array, ragged by offsets. Checks only; no mathematics.
import { argumentError } from "../../base/check.js";

/** @returns the values as a Float64Array: itself if it is one. @throws E_ARGUMENT when an element is not a number */
export function toFloat64Array(who: string, name: string, values: ArrayLike<number>): Float64Array {
  if (values instanceof Float64Array) return values;
  if (!isArrayLike(values)) throw argumentError(who, `${name} to be an array of numbers`, values);
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== "number") throw argumentError(who, `${name}[${i}] to be a number`, value);
    out[i] = value;
  }
  return out;
}

/** @throws E_ARGUMENT naming the first element that counts and is not finite */
export function checkFinite(who: string, name: string, values: Float64Array, mask?: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    if ((mask === undefined || mask[i] !== 0) && !Number.isFinite(values[i]))
      throw argumentError(who, `${name}[${i}] to be finite`, values[i]);
  }
}

/** @throws E_ARGUMENT when the length is another */
export function checkLength(
  who: string,
  name: string,
  values: ArrayLike<unknown>,
  length: number,
  of: string,
): void {
  if (values.length !== length)
    throw argumentError(who, `${name} to have ${length} elements, as ${of}`, values.length);
}

/** @throws E_ARGUMENT when an element is neither 0 nor 1 */
export function checkMask(who: string, name: string, mask: Float64Array): void {
  const i = mask.findIndex((value) => value !== 0 && value !== 1);
  if (i >= 0) throw argumentError(who, `${name}[${i}] to be 0 or 1`, mask[i]);
}

/**
 * Where sequences laid end to end begin, and where the last ends.
 * @param offsets  (S + 1) ascending from 0 to `length`; absent: one sequence
 * @throws E_ARGUMENT otherwise
 */
export function toOffsets(who: string, offsets: ArrayLike<number> | undefined, length: number): Int32Array {
  if (offsets === undefined) return Int32Array.of(0, length);
  if (!isArrayLike(offsets)) throw argumentError(who, "offsets to be an array of integers", offsets);
  for (let s = 0; s < offsets.length; s++) {
    const floor = s === 0 ? 0 : Number(offsets[s - 1]);
    const offset: unknown = offsets[s];
    if (!Number.isSafeInteger(offset) || Number(offset) < floor)
      throw argumentError(who, `offsets[${s}] to be an integer of at least ${floor}`, offset);
  }
  if (offsets.length === 0 || offsets[0] !== 0 || offsets[offsets.length - 1] !== length)
    throw argumentError(
      who,
      `offsets from 0 to ${length}, the number of elements`,
      Array.from(offsets).join(" "),
    );
  return offsets instanceof Int32Array ? offsets : Int32Array.from(offsets);
}

/** Dense ids from 0 in order of first appearance. @throws E_ARGUMENT when an id is neither an integer nor a string */
export function toDenseIds(
  who: string,
  name: string,
  ids: ArrayLike<number | string>,
): { readonly ids: Int32Array; readonly count: number } {
  if (!isArrayLike(ids)) throw argumentError(who, `${name} to be an array of ids`, ids);
  const seen = new Map<number | string, number>();
  const out = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (id === undefined || (typeof id !== "string" && !Number.isSafeInteger(id)))
      throw argumentError(who, `${name}[${i}] to be an integer or a string`, id);
    let dense = seen.get(id);
    if (dense === undefined) {
      dense = seen.size;
      seen.set(id, dense);
    }
    out[i] = dense;
  }
  return { ids: out, count: seen.size };
}

// --- internal ---

function isArrayLike(values: unknown): values is ArrayLike<unknown> {
  return Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView));
}
