// Normal deviates by position: element i of a stream depends on (seed, stream, i) alone.
// Box and Muller 1958 over Philox: z = sqrt(-2 ln u1) (cos 2 pi u2, sin 2 pi u2), in doubles, rounded once.
import { philox4x32 } from "./philox.js";

/** Which sequence: the seed (an integer from 0 to 2^53 - 1) and the number of a stream under it (uint32). */
export interface NormalStream {
  readonly seed: number;
  readonly stream: number;
}

/**
 * Overwrites `out` with normal deviates of mean 0: elements `offset` to `offset + out.length` of the stream.
 * @param deviation  standard deviation
 * @param offset  a multiple of 4
 */
export function fillNormal(out: Float32Array, deviation: number, source: NormalStream, offset = 0): void {
  const key0 = source.seed % kTwo32;
  const key1 = Math.floor(source.seed / kTwo32);
  const bits = new Uint32Array(4);
  for (let i = 0; i < out.length; i += 4) {
    const block = (offset + i) / 4;
    philox4x32([block % kTwo32, Math.floor(block / kTwo32), source.stream, 0], key0, key1, bits);
    storePair(out, i, deviation, bits[0] ?? 0, bits[1] ?? 0);
    storePair(out, i + 2, deviation, bits[2] ?? 0, bits[3] ?? 0);
  }
}

// --- internal ---

const kTwo32 = 0x100000000;

// Elements past the end of `out` are dropped by the typed array.
function storePair(out: Float32Array, i: number, deviation: number, bits1: number, bits2: number): void {
  const radius = deviation * Math.sqrt(-2 * Math.log((bits1 + 1) / kTwo32));
  const angle = bits2 * ((2 * Math.PI) / kTwo32);
  out[i] = radius * Math.cos(angle);
  out[i + 1] = radius * Math.sin(angle);
}
