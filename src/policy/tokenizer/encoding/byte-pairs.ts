// The BPE model of a tokenizer.json: a piece of text into ids. A long piece is first cut where no token crosses, which
// changes nothing, so that models without pre-tokenizer work with words as others do, and remember them.
import { tokenOfByte } from "./byte-alphabet.js";
import { cutAt } from "./character-start.js";
import { createMergeRun } from "./merge-run.js";
import { createMergeTable } from "./merge-table.js";

export interface BytePairOptions {
  readonly vocab: ReadonlyMap<string, number>;
  /** Pairs of tokens by rank; each, and what it makes, is in the vocabulary. */
  readonly merges: readonly (readonly [left: string, right: string])[];
  readonly unkId: number | undefined;
  readonly fusesUnk: boolean;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
}

export interface BytePairs {
  /** Adds the ids of a piece; yields every few milliseconds. */
  encode(piece: string, ids: number[]): Generator<void, void>;
}

export function createBytePairs(options: BytePairOptions): BytePairs {
  const { vocab } = options;
  const idOf = (token: string): number => vocab.get(token) ?? -1;
  const table = createMergeTable(
    options.merges.map(([left, right]) => [idOf(left), idOf(right), idOf(left + right)]),
  );
  const createSymbols = symbolsWith(options);
  const mayCut = createCuts(options);
  const cache = new Map<string, readonly number[]>();
  const short = (text: string): readonly number[] => {
    const known = cache.get(text);
    if (known !== undefined) return known;
    const symbols = createSymbols();
    symbols.add(text);
    const run = createMergeRun(table, symbols.ids());
    run.advance(Number.POSITIVE_INFINITY);
    const ids = run.take(Number.POSITIVE_INFINITY);
    if (cache.size >= kCached) cache.clear();
    cache.set(text, ids);
    return ids;
  };
  function* long(text: string, ids: number[]): Generator<void, void> {
    const symbols = createSymbols();
    for (let start = 0; start < text.length; ) {
      const end = cutAt(text, start + kStepsAtOnce);
      symbols.add(text.slice(start, end));
      start = end;
      yield;
    }
    const run = createMergeRun(table, symbols.ids());
    while (!run.advance(kStepsAtOnce)) yield;
    for (let part = run.take(kStepsAtOnce); part.length > 0; part = run.take(kStepsAtOnce)) {
      append(ids, part);
      yield;
    }
  }
  return {
    *encode(piece, ids) {
      const whole = options.ignoreMerges ? vocab.get(piece) : undefined;
      if (whole !== undefined) {
        ids.push(whole);
        return;
      }
      if (piece.length <= kUncut) {
        append(ids, short(piece));
        return;
      }
      let start = 0;
      let count = 0;
      for (let end = 1; end <= piece.length; end++) {
        if (end < piece.length && !mayCut(piece.charCodeAt(end - 1), piece.charCodeAt(end))) continue;
        const part = piece.slice(start, end);
        if (part.length <= kRemembered) append(ids, short(part));
        else yield* long(part, ids);
        start = end;
        if (++count % 1024 === 0) yield;
      }
    },
  };
}

// --- internal ---

const kUncut = 64;
const kRemembered = 256;
const kCached = 50_000;
const kStepsAtOnce = 4096;

function append(ids: number[], more: readonly number[]): void {
  for (const id of more) ids.push(id);
}

interface Symbols {
  add(text: string): void;
  /** Those of all texts added. */
  ids(): Int32Array;
}

/** Characters to the ids that merging starts with: their own, or those of their bytes, or the unknown token's. */
function symbolsWith(options: BytePairOptions): () => Symbols {
  const { vocab, unkId, fusesUnk } = options;
  const byteIds = options.byteFallback ? tokenOfByte.map((token) => vocab.get(token)) : [];
  const bytesOf = (character: string): readonly number[] | undefined => {
    if (!options.byteFallback) return undefined;
    const ids = Array.from(new TextEncoder().encode(character), (byte) => byteIds[byte] ?? -1);
    return ids.includes(-1) ? undefined : ids;
  };
  return () => {
    const symbols: number[] = [];
    let isUnkPending = false;
    const settle = (): void => {
      if (isUnkPending && unkId !== undefined) symbols.push(unkId);
      isUnkPending = false;
    };
    const addCharacter = (character: string): void => {
      const id = vocab.get(character);
      if (id !== undefined) {
        settle();
        symbols.push(id);
        return;
      }
      // As there: bytes overtake an unknown token that waits for its neighbors.
      const bytes = bytesOf(character);
      if (bytes !== undefined) {
        append(symbols, bytes);
        return;
      }
      if (!fusesUnk) settle();
      isUnkPending = true;
    };
    return {
      add(text) {
        for (const character of text) addCharacter(character);
      },
      ids() {
        settle();
        return new Int32Array(symbols);
      },
    };
  };
}

/**
 * No token crosses from one character to the next when both are tokens and no merge makes a token that has them side by
 * side. Pairs share the bits of a set by their hash: what shares by chance is not cut, which is right as well.
 */
function createCuts({ vocab, merges }: BytePairOptions): (left: number, right: number) => boolean {
  const known = new Uint8Array(1 << 16);
  for (const token of vocab.keys()) if (token.length === 1) known[token.charCodeAt(0)] = 1;
  const pairs = new Uint8Array(1 << 19);
  const hash = (left: number, right: number): number =>
    (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 10;
  for (const [left, right] of merges) {
    const token = left + right;
    for (let at = 1; at < token.length; at++) {
      const bit = hash(token.charCodeAt(at - 1), token.charCodeAt(at));
      pairs[bit >>> 3] = (pairs[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return (left, right) => {
    if (known[left] === 0 || known[right] === 0) return false;
    const bit = hash(left, right);
    return ((pairs[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0;
  };
}
