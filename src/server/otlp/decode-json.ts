// ExportTraceServiceRequest in OTLP's JSON: protobuf's JSON mapping, except that trace and span ids are hex and enums are numbers.
// Fields that are not known, or null, are left out; a known one of another type is malformed.
import type { AttributeValue, SpanEvent } from "../../types/span.js";
import { kMostNesting, put, setAttribute } from "./any-value.js";
import { MalformedError } from "./malformed.js";
import { newSpan, type OtlpSpan, type OtlpSpanGroup, toLink, toStatus } from "./otlp-spans.js";

/** @throws MalformedError */
export function decodeJsonTraces(bytes: Uint8Array): OtlpSpanGroup[] {
  const request = toObject(parse(bytes), "the request");
  return items(request, "resourceSpans").map((group) => ({
    resource: readAttributes(toObject(group.resource ?? {}, "resource")),
    schemaUrl: toText(group, "schemaUrl"),
    spans: items(group, "scopeSpans").flatMap((scope) => items(scope, "spans").map(readSpan)),
  }));
}

// --- internal ---

type JsonObject = Readonly<Record<string, unknown>>;

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new MalformedError(error instanceof Error ? error.message : String(error));
  }
}

function readSpan(json: JsonObject): OtlpSpan {
  const status = toObject(json.status ?? {}, "status");
  const attributes = readAttributes(json);
  const links = items(json, "links").map((link) =>
    toLink(toHex(link, "traceId"), toHex(link, "spanId"), readAttributes(link)),
  );
  const span = newSpan();
  span.traceId = toHex(json, "traceId");
  span.spanId = toHex(json, "spanId");
  span.parentId = toHex(json, "parentSpanId") || null;
  span.name = toText(json, "name");
  span.startTime = toSeconds(json, "startTimeUnixNano");
  span.endTime = toSeconds(json, "endTimeUnixNano") || null;
  span.events = items(json, "events").map(readEvent);
  span.status = toStatus(toStatusCode(status.code), toText(status, "message"));
  if (links.length > 0) span.extra = { links };
  return { span: { ...span, attributes }, placing: attributes };
}

function readEvent(event: JsonObject): SpanEvent {
  const timestamp = toSeconds(event, "timeUnixNano");
  return {
    name: toText(event, "name"),
    attributes: readAttributes(event),
    timestamp: timestamp === 0 ? null : timestamp,
  };
}

function readAttributes(holder: JsonObject): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const attribute of items(holder, "attributes"))
    setAttribute(attributes, toText(attribute, "key"), toValue(attribute.value ?? {}, 0));
  return attributes;
}

function toValue(any: unknown, depth: number): unknown {
  if (depth > kMostNesting) throw new MalformedError(`a value nested deeper than ${kMostNesting}`);
  const value = toObject(any, "a value");
  if (typeof value.stringValue === "string") return value.stringValue;
  if (typeof value.boolValue === "boolean") return value.boolValue;
  if (value.intValue !== undefined) return toInteger(value.intValue);
  if (value.doubleValue !== undefined) return toNumber(value.doubleValue, "doubleValue");
  if (typeof value.bytesValue === "string") return Buffer.from(value.bytesValue, "base64").toString("hex");
  if (value.arrayValue !== undefined)
    return items(toObject(value.arrayValue, "arrayValue"), "values").map((item) => toValue(item, depth + 1));
  if (value.kvlistValue === undefined) return undefined;
  const map: Record<string, unknown> = {};
  for (const entry of items(toObject(value.kvlistValue, "kvlistValue"), "values"))
    put(map, toText(entry, "key"), toValue(entry.value ?? {}, depth + 1));
  return map;
}

function items(holder: JsonObject, name: string): readonly JsonObject[] {
  const list = holder[name] ?? [];
  if (!Array.isArray(list)) throw wrong(name, "a list");
  return list.map((item) => toObject(item, name));
}

function toObject(value: unknown, name: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw wrong(name, "an object");
}

function toText(holder: JsonObject, name: string): string {
  const value = holder[name] ?? "";
  if (typeof value === "string") return value;
  throw wrong(name, "a string");
}

function toHex(holder: JsonObject, name: string): string {
  const text = toText(holder, name).toLowerCase();
  if (/^[0-9a-f]*$/.test(text)) return text;
  throw wrong(name, "hex digits");
}

/** Nanoseconds, as digits or a number, in seconds. */
function toSeconds(holder: JsonObject, name: string): number {
  const value = toNumber(holder[name] ?? 0, name);
  if (Number.isFinite(value) && value >= 0) return value / 1e9;
  throw wrong(name, "nanoseconds since 1970");
}

function toNumber(value: unknown, name: string): number {
  if (typeof value === "number") return value;
  if (
    value === "NaN" ||
    (typeof value === "string" && /^-?(\d+(\.\d+)?([eE][+-]?\d+)?|Infinity)$/.test(value))
  )
    return Number(value);
  throw wrong(name, "a number");
}

/** An int64: a number where that is exact, else its digits. */
function toInteger(value: unknown): number | string {
  const isInteger = typeof value === "string" ? /^-?\d{1,20}$/.test(value) : Number.isInteger(value);
  if (!isInteger) throw wrong("intValue", "an integer");
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function toStatusCode(code: unknown): number {
  const names = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
  if (code === undefined || code === null) return 0;
  if (typeof code === "number") return code;
  if (typeof code === "string" && names.includes(code)) return names.indexOf(code);
  throw wrong("status.code", "0, 1 or 2");
}

function wrong(name: string, expected: string): MalformedError {
  return new MalformedError(`expected ${name} to be ${expected}`);
}
