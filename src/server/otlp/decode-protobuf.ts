// opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest in protobuf. Fields are those of OTLP 1.x; what is not known or has
// another wire type than expected is skipped, as protobuf demands; what is no protobuf is malformed. Spans' own attributes, most of
// what comes, are checked and left as bytes.
import type { Attributes, AttributeValue, SpanEvent } from "../../types/span.js";
import { LateAttributes } from "./late-attributes.js";
import {
  kPlacing,
  kPlacingLengths,
  type OtlpSpan,
  type OtlpSpanGroup,
  type SpanLink,
  toLink,
} from "./otlp-spans.js";
import { passPlainAttribute } from "./plain-attribute.js";
import { readAttribute, readAttributesOf } from "./protobuf-attributes.js";
import { kFixed64, kMessage, kVarint, type NameCache, ProtobufReader } from "./protobuf-reader.js";

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
  const placing: Record<string, AttributeValue> = {};
  let events: SpanEvent[] | undefined;
  let links: SpanLink[] | undefined;
  const outer = reader.enter();
  const span = newSpan(placing, new LateAttributes(reader));
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case (1 << 3) + kMessage:
        span.traceId = reader.sharedHex();
        break;
      case (2 << 3) + kMessage:
        span.spanId = reader.hex();
        break;
      case (4 << 3) + kMessage:
        span.parentId = reader.sharedHex();
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
        if (!passPlainAttribute(reader)) checkAttribute(reader, placing);
        break;
      case (11 << 3) + kMessage:
        events ??= [];
        events.push(readEvent(reader));
        break;
      case (13 << 3) + kMessage:
        links ??= [];
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
  if (events !== undefined) span.events = events;
  if (links !== undefined) span.links = links;
  return span;
}

/** Goes over an attribute, and reads it when it is one of those that place the span. */
function checkAttribute(reader: ProtobufReader, placing: Record<string, AttributeValue>): void {
  const start = reader.offset;
  reader.onlyChecks = kPlacingLengths;
  const name = readAttribute(reader, null);
  reader.onlyChecks = null;
  if (!kPlacing.has(name)) return;
  reader.offset = start;
  readAttribute(reader, placing);
}

function newSpan(placing: Attributes, attributes: LateAttributes): OtlpSpan {
  // One literal, no spreads: this runs for every span (measured: 28 % of the whole request with spreads).
  return {
    traceId: "",
    spanId: "",
    parentId: "",
    name: "",
    startTime: 0,
    endTime: 0,
    placing,
    attributes,
    events: kNone,
    statusCode: 0,
    statusMessage: "",
    links: kNone,
  };
}

/** One for all spans without events or links. */
const kNone: readonly never[] = Object.freeze([]);

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
