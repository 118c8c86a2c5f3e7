// Philox4x32-10, a counter-based generator: (counter, key) -> 128 random bits, no state between calls.
// Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (Random123).

/**
 * Ten rounds of Philox4x32.
 * @param counter  four uint32; not changed
 * @param key0,key1  two uint32
 * @param out  receives four uint32 at `offset`
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key0: number,
  key1: number,
  out: Uint32Array,
  offset = 0,
): void {
  let c0 = counter[0] | 0;
  let c1 = counter[1] | 0;
  let c2 = counter[2] | 0;
  let c3 = counter[3] | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(kMultiplier0, c0);
    const high1 = multiplyHigh(kMultiplier1, c2);
    const low0 = Math.imul(kMultiplier0, c0);
    const low1 = Math.imul(kMultiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + kWeyl0) | 0;
    k1 = (k1 + kWeyl1) | 0;
  }
  out[offset] = c0;
  out[offset + 1] = c1;
  out[offset + 2] = c2;
  out[offset + 3] = c3;
}

// --- internal ---

const kMultiplier0 = 0xd2511f53 | 0;
const kMultiplier1 = 0xcd9e8d57 | 0;
const kWeyl0 = 0x9e3779b9 | 0;
const kWeyl1 = 0xbb67ae85 | 0;

// The upper 32 bits of a 32 x 32 bit product, from 16-bit halves. Every intermediate fits 32 bits, so that the
// compiler keeps integers (with floating point instead: 3 times slower).
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle0 = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const middle1 = (Math.imul(aLow, bHigh) + (middle0 & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle0 >>> 16) + (middle1 >>> 16)) | 0;
}
