// The ids of an attempt's spans, to keep each span once. Ids of 16 hex digits, as nearly all are, lie as two words each in a table with
// open addressing: a set of strings takes several times the time, the memory, and the collector's attention.

export class SpanIdSet {
  /** Both words 0: free. */
  #table = new Int32Array(kWords << kLeastBits);
  #bits = kLeastBits;
  #count = 0;
  #others: Set<string> | null = null;
  // Nobody outside can make up ids that all want one place.
  readonly #mixHigh = oddNumber();
  readonly #mixLow = oddNumber();

  /** @returns whether it is new */
  add(id: string): boolean {
    const words = toWords(id);
    if (words === null) return this.#addOther(id);
    const at = this.#find(words);
    if (!this.#isFree(at)) return false;
    this.#table[at] = words.high;
    this.#table[at + 1] = words.low;
    this.#count++;
    if (this.#count >> (this.#bits - 1) > 0) this.#grow();
    return true;
  }

  #addOther(id: string): boolean {
    this.#others ??= new Set();
    const before = this.#others.size;
    return this.#others.add(id).size > before;
  }

  #isFree(at: number): boolean {
    return this.#table[at] === 0 && this.#table[at + 1] === 0;
  }

  /** Where the id lies, or else the place that it would take. */
  #find({ high, low }: Words): number {
    const table = this.#table;
    const mixed = Math.imul(high, this.#mixHigh) + Math.imul(low, this.#mixLow);
    // Multiply-shift: the upper bits are the mixed ones.
    let at = ((mixed | 0) >>> (32 - this.#bits)) * kWords;
    while (!this.#isFree(at) && (table[at] !== high || table[at + 1] !== low))
      at = (at + kWords) & (table.length - 1);
    return at;
  }

  #grow(): void {
    const before = this.#table;
    this.#bits++;
    this.#table = new Int32Array(kWords << this.#bits);
    for (let i = 0; i < before.length; i += kWords) {
      const words = { high: before[i] ?? 0, low: before[i + 1] ?? 0 };
      if (words.high === 0 && words.low === 0) continue;
      const at = this.#find(words);
      this.#table[at] = words.high;
      this.#table[at + 1] = words.low;
    }
  }
}

// --- internal ---

interface Words {
  readonly high: number;
  readonly low: number;
}

const kWords = 2;
const kLeastBits = 3;

/** Null for what cannot lie in the table: other texts, and the id of zeros, which no span has. */
function toWords(id: string): Words | null {
  if (id.length !== 16) return null;
  const high = toWord(id, 0);
  const low = toWord(id, 8);
  return Number.isNaN(high) || Number.isNaN(low) || (high === 0 && low === 0) ? null : { high, low };
}

/** Eight small hex digits as 32 bits; NaN for anything else. */
function toWord(id: string, from: number): number {
  let word = 0;
  for (let i = from; i < from + 8; i++) {
    const code = id.charCodeAt(i);
    if (code >= kZero && code <= kNine) word = (word << 4) | (code - kZero);
    else if (code >= kLetterA && code <= kLetterF) word = (word << 4) | (code - kLetterA + 10);
    else return Number.NaN;
  }
  return word;
}

const kZero = 0x30;
const kNine = 0x39;
const kLetterA = 0x61;
const kLetterF = 0x66;

function oddNumber(): number {
  return Math.floor(Math.random() * 2 ** 32) | 1;
}
