// What was observed: one step of a rollout. Plain data that survives JSON; the wire's snake_case is the server's business.

/** A scalar or a list of one kind, as OpenTelemetry allows. */
export type AttributeValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface SpanStatus {
  readonly code: "UNSET" | "OK" | "ERROR";
  readonly description: string | null;
}

export interface SpanEvent {
  readonly name: string;
  readonly attributes: Attributes;
  /** Unix seconds. */
  readonly timestamp: number | null;
}

/** A span that nobody has placed in a rollout yet: what `redact` sees and what recorders receive. */
export interface SpanDraft {
  readonly name: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly parentId: string | null;
  /** 32 hex digits; one per attempt. */
  readonly traceId: string;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Unix seconds. */
  readonly startTime: number;
  readonly endTime: number | null;
}

export interface Span extends SpanDraft {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** From 1, ascending in the rollout: the order of events, whatever the clocks say. */
  readonly sequenceId: number;
  /** What another producer sent besides, as it was on the wire: links, its resource, fields of its own. */
  readonly extra?: Readonly<Record<string, unknown>>;
}
