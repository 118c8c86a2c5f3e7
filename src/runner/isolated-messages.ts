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

/** Between two signs of life. */
export const kAliveMs = 500;
