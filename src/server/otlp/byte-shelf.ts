// Bodies that stay where they were received, side by side in slabs, for as long as spans are read from them. The slabs are shared
// array buffers, since V8 collects the whole heap whenever 64 MB of other buffers were made, be they garbage or not: of 1,000,000
// spans kept, that would be all its time.

export interface ShelvedBytes {
  readonly bytes: Buffer;
  /** Nobody reads them any more: others may come to their place. Call it once, or never. */
  release(): void;
}

export interface ByteShelf {
  /** Copies pieces, one behind the other. */
  put(pieces: readonly Uint8Array[]): ShelvedBytes;
}

export function createByteShelf(): ByteShelf {
  let slab = newSlab(0);
  let spare: Slab | null = null;
  const nextSlab = (size: number): Slab => {
    const next = spare !== null && spare.bytes.length >= size ? spare : newSlab(Math.max(kSlabBytes, size));
    if (next === spare) spare = null;
    return next;
  };
  const release = (of: Slab) => {
    of.held--;
    if (of.held > 0) return;
    of.used = 0;
    if (of !== slab && of.bytes.length === kSlabBytes) spare = of;
  };
  return {
    put(pieces) {
      let size = 0;
      for (const piece of pieces) size += piece.length;
      if (size > slab.bytes.length - slab.used) slab = nextSlab(size);
      const from = slab;
      const start = from.used;
      for (const piece of pieces) append(from, piece);
      from.held++;
      return { bytes: from.bytes.subarray(start, from.used), release: () => release(from) };
    },
  };
}

// --- internal ---

interface Slab {
  readonly bytes: Buffer;
  used: number;
  /** How many of those that lie here were not released. */
  held: number;
}

/** What the last that is kept in one keeps. */
const kSlabBytes = 1 << 18;

function newSlab(size: number): Slab {
  return { bytes: Buffer.from(new SharedArrayBuffer(size)), used: 0, held: 0 };
}

function append(slab: Slab, piece: Uint8Array): void {
  if (piece.length === 0) return;
  const end = slab.used + piece.length;
  // Not `set`, which goes byte by byte where memory is shared.
  slab.bytes.fill(piece, slab.used, end);
  slab.used = end;
}
