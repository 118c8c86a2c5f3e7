// Spans of the running rollout: drafted with ids and parent from the context, recorded when they end.
import { randomUUID } from "node:crypto";
import { performance } from "../base/clock.js";
import type { Attributes, SpanDraft, SpanEvent, SpanStatus } from "../types/span.js";
import { currentContext, isOver } from "./context.js";

/** What a draft can be given; the rest has defaults: a new id, status OK, no events, start and end now. */
export interface SpanFields {
  readonly name: string;
  readonly attributes: Attributes;
  readonly spanId?: string;
  readonly status?: SpanStatus;
  readonly events?: readonly SpanEvent[];
  /** Unix seconds. */
  readonly startTime?: number;
  readonly endTime?: number;
}

/** A span with trace and parent of the running rollout; undefined outside a rollout. Nothing is recorded yet. */
export function draftSpan(fields: SpanFields): SpanDraft | undefined {
  const context = currentContext();
  if (context === undefined) return undefined;
  const endTime = fields.endTime ?? unixSeconds();
  return {
    name: fields.name,
    spanId: fields.spanId ?? newSpanId(),
    parentId: context.parentId,
    traceId: context.traceId,
    status: fields.status ?? { code: "OK", description: null },
    attributes: fields.attributes,
    events: fields.events ?? [],
    startTime: fields.startTime ?? endTime,
    endTime,
  };
}

/**
 * Gives a span to the running rollout: redacted first; dropped and reported to `scope.drop` when the rollout was
 * aborted or is over; nothing outside a rollout.
 */
export function recordSpan(span: SpanDraft): void {
  const context = currentContext();
  if (context === undefined) return;
  const { scope } = context;
  if (isOver(context)) {
    scope.drop?.(span);
    return;
  }
  const kept = scope.redact === undefined ? span : scope.redact(span);
  if (kept !== null) scope.record(kept);
}

/** Drafts and records at once. */
export function emitSpan(fields: SpanFields): void {
  const span = draftSpan(fields);
  if (span !== undefined) recordSpan(span);
}

/** 16 hex digits, random: those of a UUID that have no meaning, since Node makes UUIDs ahead. */
export function newSpanId(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(28);
}

/** 32 hex digits, random. */
export function newTraceId(): string {
  return newSpanId() + newSpanId();
}

/** Now, with the resolution of the monotonic clock. */
export function unixSeconds(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}
