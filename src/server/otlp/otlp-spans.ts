// Spans as OTLP carries them, whatever the encoding: what decoders give and what is placed into rollouts.
import type { Attributes, SpanEvent } from "../../types/span.js";

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
  attributes: Attributes;
  events: readonly SpanEvent[];
  /** 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
}

/** The spans of one resource. */
export interface OtlpSpanGroup {
  readonly resource: Attributes;
  readonly spans: readonly OtlpSpan[];
}
