// A span as 0.3 has it on the wire, and the way from and to ours. What ours has no field for (links, contexts, the resource, and fields
// that 0.3 does not know either) travels in Span.extra and comes back as it was.

import { z } from "zod";
import { isSpelled } from "../../base/spelled-integers.js";
import type { Attributes, Span, SpanEvent } from "../../types/span.js";
import { atMost, metadataSchema } from "./wire-records.js";

/** One check instead of a schema for each value: a span has dozens, and a hostile body millions that are wrong. */
export const attributesSchema = z.custom<Record<string, WireAttributeValue>>(isAttributes);

export const spanContextSchema = z.looseObject({
  trace_id: z.string(),
  span_id: z.string(),
  is_remote: z.boolean(),
  trace_state: metadataSchema,
});

export const spanSchema = z.looseObject({
  rollout_id: z.string(),
  attempt_id: z.string(),
  sequence_id: z.int(),
  trace_id: z.string(),
  span_id: z.string(),
  parent_id: z.string().nullable(),
  name: z.string(),
  status: z.object({
    status_code: z.enum(["UNSET", "OK", "ERROR"]),
    description: z.string().nullable().default(null),
  }),
  attributes: attributesSchema,
  events: atMost(
    10_000,
    z.object({
      name: z.string(),
      attributes: attributesSchema.default({}),
      timestamp: z.number().nullable().default(null),
    }),
  ),
  links: atMost(
    10_000,
    z.looseObject({ context: spanContextSchema, attributes: attributesSchema.nullish() }),
  ),
  start_time: z.number().nullable(),
  end_time: z.number().nullable(),
  context: spanContextSchema.nullable(),
  parent: spanContextSchema.nullable(),
  resource: z.looseObject({ attributes: attributesSchema, schema_url: z.string().default("") }),
});

type WireAttributeValue = string | number | boolean | string[] | number[] | boolean[];
export type WireSpan = z.infer<typeof spanSchema>;

/** A time above 1e12 is in nanoseconds. A span without a start begins at its end, and says null again on the wire. */
export function fromWireSpan(wire: WireSpan): Span {
  const {
    rollout_id: rolloutId,
    attempt_id: attemptId,
    sequence_id: sequenceId,
    trace_id: traceId,
    span_id: spanId,
    parent_id: parentId,
    name,
    status,
    attributes,
    events,
    start_time,
    end_time,
    ...rest
  } = wire;
  const endTime = toSeconds(end_time);
  const startTime = toSeconds(start_time);
  const extra = toExtra(rest, startTime === null);
  return {
    rolloutId,
    attemptId,
    sequenceId,
    traceId,
    spanId,
    parentId,
    name,
    status: { code: status.status_code, description: status.description },
    attributes,
    events,
    startTime: startTime ?? endTime ?? 0,
    endTime,
    ...(extra === undefined ? {} : { extra }),
  };
}

export function toWireSpan(span: Span): WireSpan {
  const { extra } = span;
  const wire: WireSpan = {
    rollout_id: span.rolloutId,
    attempt_id: span.attemptId,
    sequence_id: span.sequenceId,
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_id: span.parentId,
    name: span.name,
    status: { status_code: span.status.code, description: span.status.description },
    attributes: toWireAttributes(span.attributes),
    events: span.events.map(toWireEvent),
    links: [],
    start_time: span.startTime,
    end_time: span.endTime,
    context: null,
    parent: null,
    resource: { attributes: {}, schema_url: "" },
  };
  // Most spans have none, and a literal is ten times as fast as a spread.
  return extra === undefined ? wire : withExtra(wire, extra);
}

// --- internal ---

type WireAttributes = WireSpan["attributes"];

function toWireEvent(event: SpanEvent): WireSpan["events"][number] {
  return { ...event, attributes: toWireAttributes(event.attributes) };
}

/** As they are, but for numbers that are not finite, which JSON cannot hold: by their names, and lists of them as text. */
function toWireAttributes(attributes: Attributes): WireAttributes {
  if (isAttributes(attributes)) return attributes as WireAttributes;
  const held = Object.entries(attributes).flatMap(([name, value]) => {
    if (isScalar(value) || isList(value)) return [[name, value]];
    if (typeof value === "number") return [[name, String(value)]];
    // Null: a store on disk had such a number.
    return value === null ? [] : [[name, JSON.stringify(value)]];
  });
  return Object.fromEntries(held);
}

function withExtra(wire: WireSpan, extra: Readonly<Record<string, unknown>>): WireSpan {
  const { links, context, parent, resource, ...fields } = wire;
  const start_time = extra.start_time === null ? null : fields.start_time;
  return { links, context, parent, resource, ...extra, ...fields, start_time };
}

// Scalars and lists of one kind; every number finite.
function isAttributes(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const attributes = value as Readonly<Record<string, unknown>>;
  for (const key in attributes) if (!isScalar(attributes[key]) && !isList(attributes[key])) return false;
  return true;
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

function isList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const kind = kindOf(value[0]);
  return value.every((item) => kindOf(item) === kind && isScalar(item));
}

function kindOf(item: unknown): string {
  return isSpelled(item) ? "number" : typeof item;
}

function toSeconds(time: number | null): number | null {
  return time !== null && time > 1e12 ? time / 1e9 : time;
}

function toExtra(
  rest: Partial<WireSpan>,
  hasNoStart: boolean,
): Readonly<Record<string, unknown>> | undefined {
  const { links, context, parent, resource, ...others } = rest;
  const extra: Record<string, unknown> = others;
  if (links !== undefined && links.length > 0) extra.links = links;
  if (context) extra.context = context;
  if (parent) extra.parent = parent;
  if (resource !== undefined && !isEmpty(resource)) extra.resource = resource;
  if (hasNoStart) extra.start_time = null;
  for (const _ in extra) return extra;
  return undefined;
}

function isEmpty(resource: WireSpan["resource"]): boolean {
  if (resource.schema_url !== "") return false;
  for (const key in resource) if (key !== "attributes" && key !== "schema_url") return false;
  for (const _ in resource.attributes) return false;
  return true;
}
