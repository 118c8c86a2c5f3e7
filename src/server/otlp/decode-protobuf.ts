// opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest in protobuf. Fields are those of OTLP 1.x; what is not known or has
// another wire type than expected is skipped, as protobuf demands; what is no protobuf is malformed. Spans' own attributes, most of
// what comes, are checked and left as bytes.
import type { Attributes, AttributeValue, SpanEvent, SpanStatus } from "../../types/span.js";
import { withLateAttributes } from "./late-attributes.js";
import {
  kPlacing,
  kPlacingLengths,
  newSpan,
  type OtlpSpan,
  type OtlpSpanGroup,
  type SpanLink,
  toLink,
  toStatus,
} from "./otlp-spans.js";
import { mayPlace, passPlainAttributes } from "./plain-attribute.js";
import { readAttribute, readAttributesOf } from "./protobuf-attributes.js";
import { kFixed64, kMessage, kVarint, type ProtobufBytes, ProtobufReader } from "./protobuf-reader.js";

/** @throws MalformedError */
export function decodeProtobufTraces(source: ProtobufBytes): OtlpSpanGroup[] {
  const reader = new ProtobufReader(source);
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
  let placing: Record<string, AttributeValue> | undefined;
  let events: SpanEvent[] | undefined;
  let links: SpanLink[] | undefined;
  const outer = reader.enter();
  const span = withLateAttributes(newSpan(), reader);
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
        span.parentId = reader.sharedHex() || null;
        break;
      case (5 << 3) + kMessage:
        span.name = reader.name();
        break;
      case (7 << 3) + kFixed64:
        span.startTime = reader.seconds();
        break;
      case (8 << 3) + kFixed64:
        span.endTime = reader.seconds() || null;
        break;
      case (9 << 3) + kMessage:
        if (!passPlainAttributes(reader)) placing = checkAttribute(reader, placing);
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
        span.status = readStatus(reader, span.status);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  if (events !== undefined) span.events = events;
  if (links !== undefined) span.extra = { links };
  return { span, placing: placing ?? kNotPlacing };
}

/** Goes over an attribute. @returns `placing`, with the attribute when it may be one of those that place the span */
function checkAttribute(
  reader: ProtobufReader,
  placing: Record<string, AttributeValue> | undefined,
): Record<string, AttributeValue> | undefined {
  const start = reader.offset;
  if (!mayPlace(reader)) {
    reader.onlyChecks = kPlacingLengths;
    const name = readAttribute(reader, null);
    reader.onlyChecks = null;
    if (!kPlacing.has(name)) return placing;
    reader.offset = start;
  }
  const all = placing ?? {};
  readAttribute(reader, all);
  return all;
}

const kNotPlacing: Attributes = Object.freeze({});

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

/** @param before  of a message that came before it in the same span */
function readStatus(reader: ProtobufReader, before: SpanStatus): SpanStatus {
  let code = before.code === "UNSET" ? 0 : before.code === "OK" ? 1 : 2;
  let message = before.description ?? "";
  const outer = reader.enter();
  while (reader.offset < reader.end) {
    const tag = reader.tag();
    if (tag === (2 << 3) + kMessage) message = reader.string();
    else if (tag === (3 << 3) + kVarint) code = reader.uint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return toStatus(code, message);
}
