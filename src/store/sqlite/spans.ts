// Spans into the file, inside a transaction.
import type { Attempt } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { hearFrom } from "../life-cycle.js";
import { attemptOf, setAttempt } from "../rollout-entry.js";
import type { Entry } from "./entry.js";
import { attemptKey, toIdText } from "./rows.js";
import type { Tables } from "./tables.js";

/** Keeps spans and counts them as signs of life; null in place of one that was kept before. @param bodies  their JSON */
export function addSpans(
  tables: Tables,
  spans: readonly Span[],
  bodies: readonly string[],
  now: number,
): readonly (Span | null)[] {
  let heard: Attempt | undefined;
  return spans.map((span, index) => {
    const entry = tables.entryOf("addSpans", span.rolloutId);
    const attempt = attemptOf("addSpans", entry, span.attemptId);
    if (attempt !== heard) heard = setAttempt(tables, entry, hearFrom(attempt, now), now);
    const key = attemptKey(entry.key, attempt.sequenceId);
    return keepSpan(tables, key, span, bodies[index] ?? "") ? span : null;
  });
}

/** @param key  its attempt's @param body  its JSON @returns false: it was kept before */
export function keepSpan({ db }: Tables, key: number, { sequenceId, spanId }: Span, body: string): boolean {
  return db.change(kAddSpan, key, sequenceId, toIdText(spanId), body) === 1;
}

export function nextSequenceId(tables: Tables, entry: Entry): number {
  const kept = entry.attempts.map(({ sequenceId }) =>
    Number(
      tables.db.value("SELECT max(sequence) FROM spans WHERE attempt = ?", attemptKey(entry.key, sequenceId)),
    ),
  );
  entry.lastSequenceId = Math.max(entry.lastSequenceId, ...kept) + 1;
  tables.touch(entry);
  return entry.lastSequenceId;
}

// --- internal ---

const kAddSpan = `INSERT INTO spans (attempt, sequence, span_id, body) VALUES (?, ?, ?, ?)
  ON CONFLICT (attempt, span_id) DO NOTHING`;
