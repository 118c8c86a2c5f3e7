// Spans from outside into the rollouts they name: ids from the span's own attributes first, then from its resource's.
// As Agent Lightning 0.3, except that a span of an unknown rollout or attempt is rejected alone, where the reference fails the request
// with 500, and the client is told how many were.
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import type { Attributes, Span, SpanStatus } from "../../types/span.js";
import { hasLateAttributes, LateAttributes, withLateAttributes } from "./late-attributes.js";
import type { OtlpSpan, OtlpSpanGroup } from "./otlp-spans.js";

export interface PlacedSpans {
  /** Kept now or before. */
  readonly accepted: number;
  /** Left out, and why; null when none was. */
  readonly rejected: number;
  readonly reason: string | null;
  /** Attributes will be read from the request's bytes. */
  readonly needsBytes: boolean;
}

/** @throws what the store throws, except E_NOT_FOUND and E_ARGUMENT */
export async function placeSpans(
  store: LightningStore,
  groups: readonly OtlpSpanGroup[],
): Promise<PlacedSpans> {
  const byAttempt = new Map<string, UnnumberedSpan[]>();
  const reasons = new Map<string, number>();
  const reject = (reason: string, count: number) => reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  let latest: UnnumberedSpan[] = [];
  for (const { resource, schemaUrl, spans } of groups) {
    // One object for all spans of the resource.
    const shared = { resource: { attributes: resource, schema_url: schemaUrl } };
    for (const span of spans) {
      const placed = placeSpan(span, resource, shared);
      if (typeof placed === "string") {
        reject(placed, 1);
        continue;
      }
      const [neighbour] = latest;
      if (neighbour?.rolloutId !== placed.rolloutId || neighbour.attemptId !== placed.attemptId) {
        const key = `${placed.rolloutId}/${placed.attemptId}`;
        latest = byAttempt.get(key) ?? [];
        byAttempt.set(key, latest);
      }
      latest.push(placed);
    }
  }
  let accepted = 0;
  let needsBytes = false;
  // Together, so that a store that commits in groups needs one commit.
  const kept = [...byAttempt.values()].map(async (spans) => {
    try {
      await numberSpans(store, spans);
      const kept = await store.addSpans(spans);
      needsBytes ||= spans.some((span, i) => kept[i] !== null && hasLateAttributes(span));
      accepted += spans.length;
    } catch (error) {
      if (!(error instanceof LightningError) || !kClientErrors.has(error.code)) throw error;
      reject(error.message.slice(0, 200), spans.length);
    }
  });
  // None goes on after the answer, not even beside one that failed.
  await Promise.allSettled(kept);
  await Promise.all(kept);
  const counts = [...reasons].map(([reason, count]) => `${count} spans: ${reason}`);
  const rejected = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  return {
    accepted,
    rejected,
    reason: counts.length === 0 ? null : counts.slice(0, 8).join("; "),
    needsBytes,
  };
}

// --- internal ---

const kClientErrors: ReadonlySet<string> = new Set(["E_NOT_FOUND", "E_ARGUMENT"]);
const kNoSequence = 0;

/** Its sequence id may be kNoSequence. */
type UnnumberedSpan = Span & { sequenceId: number };

/** The span, or why it cannot be placed. */
function placeSpan(
  span: OtlpSpan,
  resource: Attributes,
  shared: Readonly<Record<string, unknown>>,
): UnnumberedSpan | string {
  const { placing, attributes } = span;
  const rolloutId = idOf("agentlightning.rollout_id", placing, resource);
  const attemptId = idOf("agentlightning.attempt_id", placing, resource);
  if (rolloutId === null || attemptId === null)
    return "no agentlightning.rollout_id and agentlightning.attempt_id in the span's or its resource's attributes";
  if (span.traceId.length !== 32 || span.spanId.length !== 16 || span.parentId.length % 16 !== 0)
    return "a trace id that is not 16 bytes or a span id that is not 8";
  const placed: Omit<Span, "attributes"> = {
    rolloutId,
    attemptId,
    sequenceId: sequenceOf(placing, resource),
    traceId: span.traceId,
    spanId: span.spanId,
    parentId: span.parentId === "" ? null : span.parentId,
    name: span.name,
    status: toStatus(span),
    events: span.events,
    startTime: span.startTime,
    endTime: span.endTime === 0 ? null : span.endTime,
    extra: span.links.length === 0 ? shared : { ...shared, links: span.links },
  };
  return attributes instanceof LateAttributes
    ? withLateAttributes(placed, attributes)
    : { ...placed, attributes };
}

// The two of most spans are one object each.
function toStatus({ statusCode, statusMessage }: OtlpSpan): SpanStatus {
  if (statusMessage === "" && statusCode === 1) return kOk;
  if (statusMessage === "" && statusCode !== 2) return kUnset;
  const code = statusCode === 1 ? "OK" : statusCode === 2 ? "ERROR" : "UNSET";
  return { code, description: statusMessage === "" ? null : statusMessage };
}

const kOk: SpanStatus = Object.freeze({ code: "OK", description: null });
const kUnset: SpanStatus = Object.freeze({ code: "UNSET", description: null });

function idOf(name: string, attributes: Attributes, resource: Attributes): string | null {
  const value = attributes[name] ?? resource[name];
  return typeof value === "string" && value !== "" ? value : null;
}

function sequenceOf(attributes: Attributes, resource: Attributes): number {
  const name = "agentlightning.span_sequence_id";
  const value = attributes[name] ?? resource[name];
  const isNumeric = typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));
  const number = isNumeric ? Number(value) : kNoSequence;
  return Number.isSafeInteger(number) && number > 0 ? number : kNoSequence;
}

async function numberSpans(store: LightningStore, spans: readonly UnnumberedSpan[]): Promise<void> {
  for (const span of spans)
    if (span.sequenceId === kNoSequence) span.sequenceId = await store.nextSequenceId(span.rolloutId);
}
