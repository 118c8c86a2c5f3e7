// The recorded cases of the reference's adapters as spans of this package.
import { readFileSync } from "node:fs";
import type { Attributes, Span } from "../../src/types/span.js";

interface RecordedSpan {
  readonly sequence_id: number;
  readonly span_id: string;
  readonly parent_id?: string | null;
  readonly name: string;
  readonly attributes: Attributes;
  readonly start_time: number;
  readonly end_time: number;
}

export interface Triplet {
  readonly response_id: string;
  readonly agent?: string;
  readonly reward: number | null;
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

interface Recorded {
  readonly tracer: readonly {
    readonly seed: number;
    readonly spans: readonly RecordedSpan[];
    readonly expect: Readonly<Record<string, readonly Triplet[]>>;
  }[];
  readonly proxy: readonly {
    readonly seed: number;
    readonly spans: readonly RecordedSpan[];
    readonly expect: readonly Triplet[];
  }[];
}

export const recorded = JSON.parse(
  readFileSync(new URL("../fixtures/protocol/adapter.json", import.meta.url), "utf8"),
) as Recorded;

export function toSpans(spans: readonly RecordedSpan[]): Span[] {
  return spans.map((span) => ({
    rolloutId: "ro-0",
    attemptId: "at-0",
    sequenceId: span.sequence_id,
    traceId: "0".repeat(32),
    spanId: span.span_id,
    parentId: span.parent_id ?? null,
    name: span.name,
    status: { code: "OK", description: null },
    attributes: span.attributes,
    events: [],
    startTime: span.start_time,
    endTime: span.end_time,
  }));
}

/** A span of one attempt; what is not given is plain. */
export function span(fields: Partial<Span> & Pick<Span, "sequenceId">): Span {
  const [plain] = toSpans([
    {
      sequence_id: fields.sequenceId,
      span_id: String(fields.sequenceId).padStart(16, "0"),
      name: "openai.chat.completion",
      attributes: {},
      start_time: fields.sequenceId,
      end_time: fields.sequenceId + 0.5,
    },
  ]);
  return { ...plain!, ...fields };
}

/** A primary reward as emitReward writes it. */
export function reward(sequenceId: number, value: number, fields: Partial<Span> = {}): Span {
  const attributes = { "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": value };
  return span({ sequenceId, name: "agentlightning.annotation", attributes, ...fields });
}
