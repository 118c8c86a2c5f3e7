// Reads the protobuf wire format from foreign bytes: every length is checked against the bytes that are there, and the number of
// things read is bounded, so that no input costs more than a small multiple of its size.
import { isUtf8 } from "node:buffer";
import { MalformedError } from "./malformed.js";

// Wire types: a tag is (field << 3) + type.
export const kVarint = 0;
export const kFixed64 = 1;
export const kMessage = 2;

/** A message as it came. */
export interface ProtobufBytes {
  readonly bytes: Buffer;
  readonly names: NameCache;
}

export class ProtobufReader {
  offset: number;
  /** Where the message that is being read ends. */
  end: number;
  /** While set, texts are checked and come back empty, except names of one of these lengths. */
  onlyChecks: ReadonlySet<number> | null = null;
  readonly source: ProtobufBytes;
  readonly bytes: Buffer;
  readonly #view: DataView;
  readonly #seenIds: ({ readonly start: number; readonly end: number; readonly text: string } | undefined)[] =
    [];
  #itemsLeft = kMostItems;

  /** Of a message, or of what is in one from `start` to `end`. */
  constructor(source: ProtobufBytes, start = 0, end = source.bytes.byteLength) {
    const { bytes } = source;
    this.source = source;
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = start;
    this.end = end;
  }

  /** Enters a length-delimited message. @returns the end of the one around it, for `leave` */
  enter(): number {
    this.count(1);
    const end = this.#length();
    const outer = this.end;
    this.end = end;
    return outer;
  }

  /** Notes messages that were entered otherwise. */
  count(messages: number): void {
    this.#itemsLeft -= messages;
    if (this.#itemsLeft < 0) throw new MalformedError(`more than ${kMostItems} values in one request`);
  }

  leave(outer: number): void {
    this.offset = this.end;
    this.end = outer;
  }

  /** Field number times 8 plus wire type. */
  tag(): number {
    const tag = this.uint();
    if (tag < 8 || tag > 0xffff_ffff) throw new MalformedError("a field number out of range");
    return tag;
  }

  /** A varint as a number; beyond 2^53 it is rounded. */
  uint(): number {
    let byte = this.#byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 128;
    for (let i = 1; i < 10; i++) {
      byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new MalformedError("a varint of more than 10 bytes");
  }

  /** A signed 64-bit varint: a number where that is exact, else its digits. */
  int64(): number | string {
    const start = this.offset;
    const value = this.uint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    let bits = 0n;
    for (let i = start; i < this.offset; i++)
      bits |= BigInt((this.bytes[i] ?? 0) & 0x7f) << BigInt(7 * (i - start));
    const signed = BigInt.asIntN(64, bits);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed.toString();
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** An unsigned fixed64 of nanoseconds, in seconds. */
  seconds(): number {
    const at = this.#take(8);
    return (this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true)) / 1e9;
  }

  hex(): string {
    const end = this.#length();
    const text = this.onlyChecks !== null ? "" : this.bytes.toString("hex", this.offset, end);
    this.offset = end;
    return text;
  }

  /** Of an id that others in the request are likely to have too: one string for all. */
  sharedHex(): string {
    const end = this.#length();
    const start = this.offset;
    const slot = (this.bytes[end - 1] ?? 0) & 15;
    const seen = this.#seenIds[slot];
    if (seen !== undefined && this.#isSame(seen.start, seen.end, start, end)) {
      this.offset = end;
      return seen.text;
    }
    const text = this.bytes.toString("hex", start, end);
    this.offset = end;
    this.#seenIds[slot] = { start, end, text };
    return text;
  }

  string(): string {
    if (this.onlyChecks === null) return this.#text();
    this.#check(this.#length());
    return "";
  }

  /** A string of which few different ones are expected. */
  name(): string {
    const start = this.offset;
    const end = this.#length();
    if (this.onlyChecks !== null && !this.onlyChecks.has(end - this.offset)) {
      this.#check(end);
      return "";
    }
    const known = this.source.names.find(this.bytes, this.offset, end);
    if (known !== undefined) {
      this.offset = end;
      return known;
    }
    this.offset = start;
    const text = this.#text();
    this.source.names.keep(text);
    return text;
  }

  // Words at a time; a call into native code for each of many short texts costs more.
  isAscii(start: number, end: number): boolean {
    const view = this.#view;
    const last = end - 4;
    let at = start;
    let bits = 0;
    for (; at + 16 <= end; at += 16)
      bits |=
        view.getInt32(at, true) |
        view.getInt32(at + 4, true) |
        view.getInt32(at + 8, true) |
        view.getInt32(at + 12, true);
    for (; at < last; at += 4) bits |= view.getInt32(at, true);
    // The last word may lie over the one before.
    if (last >= start) bits |= view.getInt32(last, true);
    else for (; at < end; at++) bits |= view.getInt8(at);
    return (bits & 0x8080_8080) === 0;
  }

  skip(tag: number): void {
    const type = tag & 7;
    if (type === 0) this.uint();
    else if (type === 1) this.#take(8);
    else if (type === 2) this.offset = this.#length();
    else if (type === 5) this.#take(4);
    else throw new MalformedError(`wire type ${type} at byte ${this.offset}`);
  }

  #text(): string {
    const end = this.#length();
    const from = this.offset;
    this.offset = end;
    const text = this.bytes.toString("utf8", from, end);
    // Also what damaged text is decoded to, so only then is it looked at again.
    if (text.includes("\ufffd") && !isUtf8(this.bytes.subarray(from, end))) throw notUtf8(from);
    return text;
  }

  #isSame(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (end - start !== otherEnd - otherStart) return false;
    for (let i = 0; i < end - start; i++)
      if (this.bytes[start + i] !== this.bytes[otherStart + i]) return false;
    return true;
  }

  #check(end: number): void {
    const start = this.offset;
    this.offset = end;
    if (!this.isAscii(start, end) && !isUtf8(this.bytes.subarray(start, end))) throw notUtf8(start);
  }

  #byte(): number {
    if (this.offset >= this.end) throw new MalformedError(`the message ends early, at byte ${this.end}`);
    return this.bytes[this.offset++] ?? 0;
  }

  #take(count: number): number {
    const at = this.offset;
    if (count > this.end - at) throw new MalformedError(`the message ends early, at byte ${this.end}`);
    this.offset = at + count;
    return at;
  }

  /** Reads a length. @returns where what follows ends */
  #length(): number {
    const length = this.uint();
    const left = this.end - this.offset;
    if (length > left)
      throw new MalformedError(`a length of ${length} at byte ${this.offset}, where ${left} are left`);
    return this.offset + length;
  }
}

/** Attribute names seen before, by their bytes: names repeat from span to span, and one string for all is less to make and to keep. */
export class NameCache {
  readonly #names: (string | undefined)[] = new Array(kSlots).fill(undefined);

  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    if (length > kLongestName) return undefined;
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
    const name = this.#names[hash & (kSlots - 1)];
    if (name === undefined || name.length !== length) return undefined;
    for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== bytes[start + i]) return undefined;
    return name;
  }

  keep(name: string): void {
    if (name.length > kLongestName) return;
    let hash = name.length;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (code > 0x7f) return;
      hash = (Math.imul(hash, 31) + code) | 0;
    }
    this.#names[hash & (kSlots - 1)] = name;
  }
}

// --- internal ---

function notUtf8(at: number): MalformedError {
  return new MalformedError(`a string at byte ${at} that is not UTF-8`);
}

const kMostItems = 1 << 20;
const kSlots = 4096;
const kLongestName = 96;
