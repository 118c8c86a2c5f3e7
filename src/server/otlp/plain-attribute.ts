// Checks attributes of the plainest form, as nearly all are, in one pass: a name and a scalar, both ASCII where they are text. It only
// ever says yes to what protobuf-attributes.ts takes; whatever it is not sure of is left to that.
import { kPlacingLengths } from "./otlp-spans.js";
import { kFixed64, kMessage, kVarint, type ProtobufReader } from "./protobuf-reader.js";

/**
 * Goes over the span's attributes from the one whose length the reader stands before to the first that has to be looked at.
 * @returns false, and the reader stays, when that is the first
 */
export function passPlainAttributes(reader: ProtobufReader): boolean {
  const { bytes, end, offset } = reader;
  let passed = 0;
  let at = offset;
  for (;;) {
    const next = afterPlain(reader, bytes, at, end);
    if (next === at) break;
    passed++;
    reader.offset = next;
    if (next >= end || bytes[next] !== kAttribute) break;
    at = next + 1;
  }
  reader.count(passed * kMessages);
  return passed > 0;
}

/** Whether the attribute that the reader stands before may be one of those that place the span: worth reading at once. */
export function mayPlace({ bytes, offset }: ProtobufReader): boolean {
  const start = afterLength(bytes, offset);
  return bytes[start] === kName && isPlacingName(bytes, start + 2, bytes[start + 1] ?? 0);
}

// --- internal ---

/** Field 9 of a span. */
const kAttribute = (9 << 3) + kMessage;
const kName = (1 << 3) + kMessage;
const kValue = (2 << 3) + kMessage;
const kText = (1 << 3) + kMessage;
const kBoolean = (2 << 3) + kVarint;
const kInteger = (3 << 3) + kVarint;
const kDouble = (4 << 3) + kFixed64;
const kLetterA = 0x61;
/** The KeyValue and its AnyValue. */
const kMessages = 2;

/** Where the KeyValue of the length at `at` ends, or `at` when it is not plain. */
function afterPlain(reader: ProtobufReader, bytes: Uint8Array, at: number, limit: number): number {
  const start = afterLength(bytes, at);
  const end = start + lengthAt(bytes, at, start);
  if (end > limit || bytes[start] !== kName) return at;
  const nameStart = start + 2;
  const nameLength = bytes[start + 1] ?? 0;
  if (nameLength > 0x7f || isPlacingName(bytes, nameStart, nameLength)) return at;
  const nameEnd = nameStart + nameLength;
  if (bytes[nameEnd] !== kValue) return at;
  const value = afterLength(bytes, nameEnd + 1);
  // Nothing behind the value, and so nothing of it or of the name beyond the end.
  if (value + lengthAt(bytes, nameEnd + 1, value) !== end) return at;
  return isPlainValue(reader, bytes, value, end) && reader.isAscii(nameStart, nameEnd) ? end : at;
}

/** By its first letter and its length. */
function isPlacingName(bytes: Uint8Array, start: number, length: number): boolean {
  return bytes[start] === kLetterA && kPlacingLengths.has(length);
}

function isPlainValue(reader: ProtobufReader, bytes: Uint8Array, at: number, end: number): boolean {
  const tag = bytes[at];
  if (tag === kText) {
    const start = afterLength(bytes, at + 1);
    return start + lengthAt(bytes, at + 1, start) === end && reader.isAscii(start, end);
  }
  if (tag === kDouble) return end - at === 9;
  return (tag === kInteger || tag === kBoolean) && isVarint(bytes, at + 1, end);
}

/** Of at most nine bytes; the tenth of a long one is not worth a look here. */
function isVarint(bytes: Uint8Array, start: number, end: number): boolean {
  const last = end - 1;
  if (last < start || last > start + 8) return false;
  for (let at = start; at < last; at++) if ((bytes[at] ?? 0) < 0x80) return false;
  return (bytes[last] ?? 0x80) < 0x80;
}

// Lengths of one or two bytes; of longer ones, the third byte is what follows, and the length is none that fits.
function afterLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) < 0x80 ? at + 1 : at + 2;
}

function lengthAt(bytes: Uint8Array, at: number, after: number): number {
  const first = bytes[at] ?? 0;
  if (after === at + 1) return first;
  const second = bytes[at + 1] ?? 0x80;
  return second < 0x80 ? (first & 0x7f) + second * 0x80 : Number.POSITIVE_INFINITY;
}
