// What a runner and the process of one of its attempts tell each other.
import type { SpanDraft } from "../types/span.js";
import type { AttemptEnd, AttemptJob } from "./attempt-job.js";

export type ToChild =
  | { readonly kind: "run"; readonly agentPath: string; readonly job: AttemptJob; readonly graceMs: number }
  | { readonly kind: "abort"; readonly reason: string };

export type FromChild =
  | { readonly kind: "span"; readonly span: SpanDraft }
  /** Its event loop turns. */
  | { readonly kind: "alive" }
  | { readonly kind: "end"; readonly end: AttemptEnd };

export function isFromChild(message: unknown): message is FromChild {
  if (!isRecord(message)) return false;
  const { kind, span, end } = message;
  if (kind === "end") return isRecord(end) && kEnds.has(end.ended);
  return kind === "alive" || (kind === "span" && isRecord(span));
}

/** Between two signs of life. */
export const kAliveMs = 500;

// --- internal ---

const kEnds: ReadonlySet<unknown> = new Set<AttemptEnd["ended"]>([
  "returned",
  "threw",
  "provider-error",
  "timeout",
  "cancelled",
  "misuse",
  "bad-reward",
]);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
