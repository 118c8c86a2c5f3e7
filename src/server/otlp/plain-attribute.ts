// Checks an attribute of the plainest form, as nearly all are, in one pass: a name and a scalar, both ASCII where they are text. It only
// ever says yes to what protobuf-attributes.ts takes; whatever it is not sure of is left to that.
import { kPlacingLengths } from "./otlp-spans.js";
import { kFixed64, kMessage, kVarint, type ProtobufReader } from "./protobuf-reader.js";

/** Goes over the KeyValue that the reader stands before. @returns false, and the reader stays, when it has to be looked at */
export function passPlainAttribute(reader: ProtobufReader): boolean {
  const { bytes, offset } = reader;
  const start = afterLength(bytes, offset);
  const end = start + lengthAt(bytes, offset, start);
  if (end > reader.end || bytes[start] !== kName) return false;
  const nameStart = start + 2;
  const nameLength = bytes[start + 1] ?? 0;
  if (nameLength > 0x7f || (bytes[nameStart] === kLetterA && kPlacingLengths.has(nameLength))) return false;
  const nameEnd = nameStart + nameLength;
  if (bytes[nameEnd] !== kValue) return false;
  const value = afterLength(bytes, nameEnd + 1);
  // Nothing behind the value, and so nothing of it or of the name beyond the end.
  if (value + lengthAt(bytes, nameEnd + 1, value) !== end) return false;
  if (!isPlainValue(reader, value, end) || !reader.isAscii(nameStart, nameEnd)) return false;
  reader.count(kMessages);
  reader.offset = end;
  return true;
}

// --- internal ---

const kName = (1 << 3) + kMessage;
const kValue = (2 << 3) + kMessage;
const kText = (1 << 3) + kMessage;
const kBoolean = (2 << 3) + kVarint;
const kInteger = (3 << 3) + kVarint;
const kDouble = (4 << 3) + kFixed64;
const kLetterA = 0x61;
/** The KeyValue and its AnyValue. */
const kMessages = 2;

function isPlainValue(reader: ProtobufReader, at: number, end: number): boolean {
  const { bytes } = reader;
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
