// A span as 0.3 has it on the wire, and the way from and to ours. What ours has no field for (links, contexts, the resource, and fields
// that 0.3 does not know either) travels in Span.extra and comes back as it was.
import { z } from "zod";
import type { Span } from "../../types/span.js";

export const attributeValueSchema = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.string()),
  z.array(z.number()),
  z.array(z.boolean()),
]);
export const attributesSchema = z.record(z.string(), attributeValueSchema);

export const spanContextSchema = z.looseObject({
  trace_id: z.string(),
  span_id: z.string(),
  is_remote: z.boolean(),
  trace_state: z.record(z.string(), z.string()),
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
  events: z.array(
    z.object({
      name: z.string(),
      attributes: attributesSchema.default({}),
      timestamp: z.number().nullable().default(null),
    }),
  ),
  links: z.array(z.looseObject({ context: spanContextSchema, attributes: attributesSchema.nullish() })),
  start_time: z.number().nullable(),
  end_time: z.number().nullable(),
  context: spanContextSchema.nullable(),
  parent: spanContextSchema.nullable(),
  resource: z.looseObject({ attributes: attributesSchema, schema_url: z.string().default("") }),
});

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
  return {
    ...kNothingExtra,
    ...extra,
    rollout_id: span.rolloutId,
    attempt_id: span.attemptId,
    sequence_id: span.sequenceId,
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_id: span.parentId,
    name: span.name,
    status: { status_code: span.status.code, description: span.status.description },
    attributes: span.attributes as WireAttributes,
    events: span.events as WireSpan["events"],
    start_time: extra?.start_time === null ? null : span.startTime,
    end_time: span.endTime,
  };
}

// --- internal ---

type WireAttributes = WireSpan["attributes"];

const kNothingExtra = {
  links: [] as WireSpan["links"],
  context: null,
  parent: null,
  resource: { attributes: {} as WireAttributes, schema_url: "" },
};

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
