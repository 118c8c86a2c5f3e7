// Attributes of a span as the bytes that came, checked already, until somebody reads them: most spans are kept and never looked at,
// and texts that survive cost the collector more than they cost to read.
import type { Attributes, AttributeValue, Span } from "../../types/span.js";
import { readAttribute } from "./protobuf-attributes.js";
import { kMessage, type NameCache, ProtobufReader } from "./protobuf-reader.js";

export class LateAttributes {
  readonly #names: NameCache;
  readonly #start: number;
  readonly #end: number;
  #bytes: Uint8Array;
  #read: Attributes | null = null;

  /** Of the span that the reader has entered. */
  constructor({ bytes, names, offset, end }: ProtobufReader) {
    this.#names = names;
    this.#bytes = bytes;
    this.#start = offset;
    this.#end = end;
  }

  /** No more needs the bytes. */
  get isRead(): boolean {
    return this.#read !== null;
  }

  /** The same object every time. */
  read(): Attributes {
    if (this.#read !== null) return this.#read;
    const attributes: Record<string, AttributeValue> = {};
    const reader = new ProtobufReader(this.#bytes, this.#names, this.#start, this.#end);
    while (reader.offset < reader.end) {
      const tag = reader.tag();
      if (tag === kAttribute) readAttribute(reader, attributes);
      else reader.skip(tag);
    }
    this.#read = attributes;
    this.#bytes = kNothing;
    return attributes;
  }
}

/** The span with attributes that are read when somebody asks; spread, JSON and comparisons see a property like the others. */
export function withLateAttributes(span: Omit<Span, "attributes">, late: LateAttributes): Span {
  Object.defineProperty(span, kLate, { value: late });
  return Object.defineProperty(span, "attributes", kAccessor) as Span;
}

/** Its attributes are bytes of the request still. */
export function hasLateAttributes(span: Span & { readonly [kLate]?: LateAttributes }): boolean {
  return span[kLate]?.isRead === false;
}

// --- internal ---

const kAttribute = (9 << 3) + kMessage;
const kNothing = new Uint8Array();
const kLate = Symbol("late attributes");
// One for all, so that spans share a shape.
const kAccessor: PropertyDescriptor = {
  enumerable: true,
  get(this: { readonly [kLate]: LateAttributes }): Attributes {
    return this[kLate].read();
  },
};
