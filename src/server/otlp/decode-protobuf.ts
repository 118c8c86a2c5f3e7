// opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest in protobuf. Fields are those of OTLP 1.x; what is not known or has
// another wire type than expected is skipped, as protobuf demands; what is no protobuf is malformed.
import type { AttributeValue, SpanEvent } from "../../types/span.js";
import { kMostNesting, put, setAttribute } from "./any-value.js";
import { MalformedError } from "./malformed.js";
import { type OtlpSpan, type OtlpSpanGroup, type SpanLink, toLink } from "./otlp-spans.js";
import { type NameCache, ProtobufReader } from "./protobuf-reader.js";

/** @throws MalformedError */
export function decodeProtobufTraces(bytes: Uint8Array, names: NameCache): OtlpSpanGroup[] {
  const reader = new ProtobufReader(bytes, names);
  const groups: OtlpSpanGroup[] = [];
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) groups.push(readResourceSpans(reader));
    else reader.skip(tag);
  }
  return groups;
}

// --- internal ---

// Wire types: tags below are (field << 3) + type.
const kVarint = 0;
const kFixed64 = 1;
const kMessage = 2;

function readResourceSpans(reader: ProtobufReader): OtlpSpanGroup {
  const resource: Record<string, AttributeValue> = {};
  const spans: OtlpSpan[] = [];
  let schemaUrl = "";
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) readAttributesOf(reader, 1, resource);
    else if (tag === (2 << 3) + kMessage) readScopeSpans(reader, spans);
    else if (tag === (3 << 3) + kMessage) schemaUrl = reader.name();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { resource, schemaUrl, spans };
}

function readScopeSpans(reader: ProtobufReader, spans: OtlpSpan[]): void {
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (2 << 3) + kMessage) spans.push(readSpan(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
}

function readSpan(reader: ProtobufReader): OtlpSpan {
  const attributes: Record<string, AttributeValue> = {};
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  const span = newSpan(attributes, events, links);
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case (1 << 3) + kMessage:
        span.traceId = reader.hex();
        break;
      case (2 << 3) + kMessage:
        span.spanId = reader.hex();
        break;
      case (4 << 3) + kMessage:
        span.parentId = reader.hex();
        break;
      case (5 << 3) + kMessage:
        span.name = reader.name();
        break;
      case (7 << 3) + kFixed64:
        span.startTime = reader.seconds();
        break;
      case (8 << 3) + kFixed64:
        span.endTime = reader.seconds();
        break;
      case (9 << 3) + kMessage:
        readAttribute(reader, attributes);
        break;
      case (11 << 3) + kMessage:
        events.push(readEvent(reader));
        break;
      case (13 << 3) + kMessage:
        links.push(readLink(reader));
        break;
      case (15 << 3) + kMessage:
        readStatus(reader, span);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return span;
}

function newSpan(
  attributes: Record<string, AttributeValue>,
  events: readonly SpanEvent[],
  links: readonly SpanLink[],
): OtlpSpan {
  // One literal, no spreads: this runs for every span (measured: 28 % of the whole request with spreads).
  return {
    traceId: "",
    spanId: "",
    parentId: "",
    name: "",
    startTime: 0,
    endTime: 0,
    attributes,
    events,
    statusCode: 0,
    statusMessage: "",
    links,
  };
}

function readEvent(reader: ProtobufReader): SpanEvent {
  const attributes: Record<string, AttributeValue> = {};
  let name = "";
  let timestamp: number | null = null;
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kFixed64) timestamp = reader.seconds();
    else if (tag === (2 << 3) + kMessage) name = reader.name();
    else if (tag === (3 << 3) + kMessage) readAttribute(reader, attributes);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { name, attributes, timestamp: timestamp === 0 ? null : timestamp };
}

function readLink(reader: ProtobufReader): SpanLink {
  const attributes: Record<string, AttributeValue> = {};
  let [traceId, spanId] = ["", ""];
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) traceId = reader.hex();
    else if (tag === (2 << 3) + kMessage) spanId = reader.hex();
    else if (tag === (4 << 3) + kMessage) readAttribute(reader, attributes);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return toLink(traceId, spanId, attributes);
}

function readStatus(reader: ProtobufReader, span: OtlpSpan): void {
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (2 << 3) + kMessage) span.statusMessage = reader.string();
    else if (tag === (3 << 3) + kVarint) span.statusCode = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
}

/** The attributes of a message that holds them in one field. */
function readAttributesOf(
  reader: ProtobufReader,
  field: number,
  attributes: Record<string, AttributeValue>,
): void {
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (field << 3) + kMessage) readAttribute(reader, attributes);
    else reader.skip(tag);
  }
  reader.leave(outer);
}

function readAttribute(reader: ProtobufReader, attributes: Record<string, AttributeValue>): void {
  let name = "";
  let value: unknown;
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) name = reader.name();
    else if (tag === (2 << 3) + kMessage) value = readAnyValue(reader, 0);
    else reader.skip(tag);
  }
  reader.leave(outer);
  setAttribute(attributes, name, value);
}

function readAnyValue(reader: ProtobufReader, depth: number): unknown {
  if (depth > kMostNesting) throw new MalformedError(`a value nested deeper than ${kMostNesting}`);
  let value: unknown;
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) value = reader.string();
    else if (tag === (2 << 3) + kVarint) value = reader.uint() !== 0;
    else if (tag === (3 << 3) + kVarint) value = reader.int64();
    else if (tag === (4 << 3) + kFixed64) value = reader.double();
    else if (tag === (5 << 3) + kMessage) value = readList(reader, depth);
    else if (tag === (6 << 3) + kMessage) value = readMap(reader, depth);
    else if (tag === (7 << 3) + kMessage) value = reader.hex();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return value;
}

function readList(reader: ProtobufReader, depth: number): unknown[] {
  const list: unknown[] = [];
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) list.push(readAnyValue(reader, depth + 1));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return list;
}

function readMap(reader: ProtobufReader, depth: number): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) readMapEntry(reader, depth, map);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return map;
}

function readMapEntry(reader: ProtobufReader, depth: number, map: Record<string, unknown>): void {
  let name = "";
  let value: unknown = null;
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (1 << 3) + kMessage) name = reader.name();
    else if (tag === (2 << 3) + kMessage) value = readAnyValue(reader, depth + 1);
    else reader.skip(tag);
  }
  reader.leave(outer);
  put(map, name, value);
}
