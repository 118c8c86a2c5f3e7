// The user's `redact` for what an attempt says besides its spans: its error, and how it ended, which `redact` sees as one more span.
import { argumentError } from "../base/check.js";
import { newSpanId, newTraceId, unixSeconds } from "../tracing/span.js";
import type { SpanDraft } from "../types/span.js";

export type Redact = (span: SpanDraft) => SpanDraft | null;

/** @throws E_ARGUMENT when it gives neither a span nor null; what it throws */
export function checkedRedact(redact: Redact): Redact {
  return (span) => {
    const kept: unknown = redact(span);
    if (kept === null || (typeof kept === "object" && "attributes" in kept)) return kept as SpanDraft | null;
    throw argumentError("redact", "a span or null to be returned", kept);
  };
}

/**
 * An error as `redact` leaves it: a span `agentlightning.attempt` has it as the description of its status and as an attribute, and what is
 * changed in either counts, in both the attribute. One that it keeps out is told without its words.
 * @param outcome  how the attempt ended @throws what `redact` does
 */
export function redactError(redact: Redact | undefined, outcome: string, error: string): string {
  if (redact === undefined) return error;
  const time = unixSeconds();
  const kept = redact({
    ...{ name: "agentlightning.attempt", spanId: newSpanId(), parentId: null, traceId: newTraceId() },
    status: { code: "ERROR", description: error },
    attributes: { [kOutcome]: outcome, [kError]: error },
    ...{ events: [], startTime: time, endTime: time },
  });
  if (kept === null) return kGone;
  const attribute = kept.attributes[kError];
  if (attribute !== error) return typeof attribute === "string" ? attribute : kGone;
  return kept.status?.description ?? kGone;
}

/** The same where a `redact` that fails may not keep the rest from being told. */
export function redactErrorSafely(redact: Redact | undefined, outcome: string, error: string): string {
  try {
    return redactError(redact, outcome, error);
  } catch (failure) {
    return `an error that cannot be told, since redact failed (${failure instanceof Error ? failure.name : typeof failure})`;
  }
}

// --- internal ---

const kOutcome = "agentlightning.attempt.outcome";
const kError = "agentlightning.attempt.error";
const kGone = "(kept out by redact)";
