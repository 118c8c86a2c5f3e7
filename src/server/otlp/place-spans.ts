// Spans from outside into the rollouts they name: ids from the span's own attributes first, then from its resource's.
// As Agent Lightning 0.3, except that a span of an unknown rollout or attempt is rejected alone, where the reference fails the request
// with 500, and the client is told how many were.
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import type { Attributes, AttributeValue } from "../../types/span.js";
import { hasLateAttributes } from "./late-attributes.js";
import {
  kAttemptId,
  kNoExtra,
  kNoSequence,
  kRolloutId,
  kSequenceId,
  type OtlpSpan,
  type OtlpSpanGroup,
  type UnplacedSpan,
} from "./otlp-spans.js";

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
  const byAttempt = new Map<string, UnplacedSpan[]>();
  const reasons = new Map<string, number>();
  const reject = (reason: string, count: number) => reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  let latest: UnplacedSpan[] = [];
  for (const { resource, schemaUrl, spans } of groups) {
    // One object for all spans of the resource.
    const shared = { resource: { attributes: resource, schema_url: schemaUrl } };
    for (const one of spans) {
      const reason = placeSpan(one, resource, shared);
      if (reason !== null) {
        reject(reason, 1);
        continue;
      }
      const { span } = one;
      const neighbour = latest[0];
      if (neighbour?.rolloutId !== span.rolloutId || neighbour.attemptId !== span.attemptId) {
        const key = `${span.rolloutId}/${span.attemptId}`;
        latest = byAttempt.get(key) ?? [];
        byAttempt.set(key, latest);
      }
      latest.push(span);
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

/** @returns why it cannot be placed, or null */
function placeSpan(
  { span, placing }: OtlpSpan,
  resource: Attributes,
  shared: Readonly<Record<string, unknown>>,
): string | null {
  const rolloutId = toId(placing[kRolloutId] ?? resource[kRolloutId]);
  const attemptId = toId(placing[kAttemptId] ?? resource[kAttemptId]);
  if (rolloutId === null || attemptId === null)
    return "no agentlightning.rollout_id and agentlightning.attempt_id in the span's or its resource's attributes";
  if (span.traceId.length !== 32 || span.spanId.length !== 16 || (span.parentId ?? "").length % 16 !== 0)
    return "a trace id that is not 16 bytes or a span id that is not 8";
  span.rolloutId = rolloutId;
  span.attemptId = attemptId;
  span.sequenceId = toSequence(placing[kSequenceId] ?? resource[kSequenceId]);
  span.extra = span.extra === kNoExtra ? shared : { ...shared, ...span.extra };
  return null;
}

function toId(value: AttributeValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function toSequence(value: AttributeValue | undefined): number {
  const isNumeric = typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));
  const number = isNumeric ? Number(value) : kNoSequence;
  return Number.isSafeInteger(number) && number > 0 ? number : kNoSequence;
}

async function numberSpans(store: LightningStore, spans: readonly UnplacedSpan[]): Promise<void> {
  for (const span of spans)
    if (span.sequenceId === kNoSequence) span.sequenceId = await store.nextSequenceId(span.rolloutId);
}
