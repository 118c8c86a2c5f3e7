// Attributes of a span as the bytes that came, checked already, until somebody reads them: most spans are kept and never looked at,
// and texts that survive cost the collector more than they cost to read.
import type { Attributes, AttributeValue, Span } from "../../types/span.js";
import { readAttribute } from "./protobuf-attributes.js";
import { kMessage, type ProtobufBytes, ProtobufReader } from "./protobuf-reader.js";

/**
 * The span with attributes that are read when somebody asks; spread, JSON and comparisons see a property like the others.
 * @param reader  has entered the span's message
 */
export function withLateAttributes<T extends object>(
  span: T,
  { source, offset, end }: ProtobufReader,
): T & { readonly attributes: Attributes } {
  new LateAttributes(span, source, offset, end);
  return Object.defineProperty(span, "attributes", kAccessor) as T & { readonly attributes: Attributes };
}

/** Its attributes are bytes of the request still. */
export function hasLateAttributes(span: Span): boolean {
  return LateAttributes.areIn(span);
}

// --- internal ---

class Stamp {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: private fields come to lie in the object itself, where nobody else sees them
    return object;
  }
}

/** Not an object of its own but fields of the span: there are as many as spans. */
class LateAttributes extends Stamp {
  #source: ProtobufBytes | null;
  readonly #start: number;
  readonly #end: number;
  #read: Attributes = kNothing;

  constructor(span: object, source: ProtobufBytes, start: number, end: number) {
    super(span);
    this.#source = source;
    this.#start = start;
    this.#end = end;
  }

  static areIn(span: object): boolean {
    return #source in span && span.#source !== null;
  }

  /** The same object every time. */
  static read(span: LateAttributes): Attributes {
    if (span.#source === null) return span.#read;
    const attributes: Record<string, AttributeValue> = {};
    const reader = new ProtobufReader(span.#source, span.#start, span.#end);
    while (reader.offset < reader.end) {
      const tag = reader.tag();
      if (tag === kAttribute) readAttribute(reader, attributes);
      else reader.skip(tag);
    }
    span.#read = attributes;
    span.#source = null;
    return attributes;
  }
}

const kAttribute = (9 << 3) + kMessage;
const kNothing: Attributes = Object.freeze({});
// One for all, so that spans share a shape.
const kAccessor: PropertyDescriptor = {
  enumerable: true,
  get(this: LateAttributes): Attributes {
    return LateAttributes.read(this);
  },
};
