// Attributes in protobuf: messages KeyValue and AnyValue of opentelemetry.proto.common.v1.
import type { AttributeValue } from "../../types/span.js";
import { kMostNesting, put, setAttribute } from "./any-value.js";
import { MalformedError } from "./malformed.js";
import { kFixed64, kMessage, kVarint, type ProtobufReader } from "./protobuf-reader.js";

/** Sets the attribute that a KeyValue holds, or only goes over it. @returns its name @throws MalformedError */
export function readAttribute(
  reader: ProtobufReader,
  attributes: Record<string, AttributeValue> | null,
): string {
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
  if (attributes !== null) setAttribute(attributes, name, value);
  return name;
}

/** The attributes of a message that holds them in one field. @throws MalformedError */
export function readAttributesOf(
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

// --- internal ---

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
