// Bytes that are kept for long, side by side in slabs. The slabs are shared array buffers, since V8 collects the whole heap whenever
// 64 MB of other buffers were made, be they garbage or not: of 1,000,000 spans kept, that would be all its time.

export interface ByteShelf {
  /** Copies bytes from `start` to `end`. @returns where they are now */
  put(bytes: Uint8Array, start: number, end: number): { readonly bytes: Uint8Array; readonly start: number };
}

export function createByteShelf(): ByteShelf {
  let slab = new Uint8Array(new SharedArrayBuffer(0));
  let used = 0;
  return {
    put(bytes, start, end) {
      const size = end - start;
      if (size > slab.length - used) {
        slab = new Uint8Array(new SharedArrayBuffer(Math.max(kSlabBytes, size)));
        used = 0;
      }
      const place = { bytes: slab, start: used };
      slab.set(bytes.subarray(start, end), used);
      used += size;
      return place;
    },
  };
}

// --- internal ---

/** What the last of them that is kept keeps. */
const kSlabBytes = 1 << 18;
