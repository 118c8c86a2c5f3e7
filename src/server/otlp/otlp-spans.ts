// Spans as OTLP carries them, whatever the encoding: what decoders give and what is placed into rollouts.
import type { Attributes, SpanEvent } from "../../types/span.js";
import type { LateAttributes } from "./late-attributes.js";

/** Attributes of a span, or of its resource, that say where it belongs, and how long their names are. */
export const kPlacing: ReadonlySet<string> = new Set([
  "agentlightning.rollout_id",
  "agentlightning.attempt_id",
  "agentlightning.span_sequence_id",
]);
export const kPlacingLengths: ReadonlySet<number> = new Set([...kPlacing].map(({ length }) => length));

export interface OtlpSpan {
  /** Hex digits. */
  traceId: string;
  spanId: string;
  /** "" at the root. */
  parentId: string;
  name: string;
  /** Unix seconds; 0: not known. */
  startTime: number;
  endTime: number;
  /** Has at least those named in kPlacing. */
  placing: Attributes;
  attributes: Attributes | LateAttributes;
  events: readonly SpanEvent[];
  /** 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
  links: readonly SpanLink[];
}

/** As 0.3 has it on the wire. */
export interface SpanLink {
  readonly context: {
    readonly trace_id: string;
    readonly span_id: string;
    readonly is_remote: boolean;
    readonly trace_state: Readonly<Record<string, string>>;
  };
  readonly attributes: Attributes;
}

/** @param ids  hex digits */
export function toLink(traceId: string, spanId: string, attributes: Attributes): SpanLink {
  return { context: { trace_id: traceId, span_id: spanId, is_remote: false, trace_state: {} }, attributes };
}

/** The spans of one resource. */
export interface OtlpSpanGroup {
  readonly resource: Attributes;
  /** "" where there is none. */
  readonly schemaUrl: string;
  readonly spans: readonly OtlpSpan[];
}
