// Spans as OTLP carries them, whatever the encoding: what decoders give and what is placed into rollouts.
import type { Attributes, Span, SpanStatus } from "../../types/span.js";

/** Attributes of a span, or of its resource, that say where it belongs, and how long their names are. */
export const kRolloutId = "agentlightning.rollout_id";
export const kAttemptId = "agentlightning.attempt_id";
export const kSequenceId = "agentlightning.span_sequence_id";
export const kPlacing: ReadonlySet<string> = new Set([kRolloutId, kAttemptId, kSequenceId]);
export const kPlacingLengths: ReadonlySet<number> = new Set([...kPlacing].map(({ length }) => length));

export interface OtlpSpan {
  /** As it will be kept, once its place is in it. */
  readonly span: UnplacedSpan;
  /** Has at least those of its attributes that are named in kPlacing. */
  readonly placing: Attributes;
}

/** One object from the decoder into the store: tens of thousands come in a second. Times that are not known are 0 and null. */
export type UnplacedSpan = Fields<"attributes"> & { readonly attributes: Attributes };

/** A new one without anything; its attributes are the decoder's business. All are of one shape. */
export function newSpan(): Fields<"attributes"> {
  return {
    rolloutId: "",
    attemptId: "",
    sequenceId: kNoSequence,
    traceId: "",
    spanId: "",
    parentId: null,
    name: "",
    status: kUnset,
    events: kNone,
    startTime: 0,
    endTime: null,
    extra: kNoExtra,
  };
}

/** Of a span that has no sequence id yet. */
export const kNoSequence = 0;
/** Of a span without links. */
export const kNoExtra: Readonly<Record<string, unknown>> = Object.freeze({});

/** @param code  0 unset, 1 ok, 2 error; the two of most spans are one object each */
export function toStatus(code: number, message: string): SpanStatus {
  if (message === "" && code === 1) return kOk;
  if (message === "" && code !== 2) return kUnset;
  const name = code === 1 ? "OK" : code === 2 ? "ERROR" : "UNSET";
  return { code: name, description: message === "" ? null : message };
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

// --- internal ---

type Fields<Left extends keyof Span> = {
  -readonly [Name in Exclude<keyof Required<Span>, Left>]: Required<Span>[Name];
};

const kNone: readonly never[] = Object.freeze([]);
const kOk: SpanStatus = Object.freeze({ code: "OK", description: null });
const kUnset: SpanStatus = Object.freeze({ code: "UNSET", description: null });
