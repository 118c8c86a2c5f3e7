// One attempt as a runner process hands it to whatever runs the agent, and how it ended. Plain data: it may cross to another process.
import type { Resources } from "../types/resources.js";
import type { RolloutMode } from "../types/rollout.js";
import type { SpanDraft } from "../types/span.js";
import type { RunEnd } from "./ending.js";

/**
 * How an attempt ended. "misuse": it threw at a wrong argument to this package's own functions. "bad-reward": it returned what is no reward.
 * A runner process writes it as `outcome` into the attempt's metadata.
 */
export type AttemptEnding = RunEnd | "misuse" | "bad-reward";

export interface AttemptJob {
  readonly input: unknown;
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  readonly resources: Resources;
  /** From now; null is no deadline. */
  readonly timeoutMs: number | null;
}

export interface AttemptEnd {
  readonly ended: AttemptEnding;
  /** For people; null when it returned. */
  readonly error: string | null;
  /** Spans that came after the end. */
  readonly droppedSpans: number;
}

/** How an attempt is watched while it runs. */
export interface AttemptHooks {
  /** Cancels it. */
  readonly signal: AbortSignal;
  onSpan(span: SpanDraft): void;
}

export interface AttemptRun {
  /** Never rejects. */
  readonly end: Promise<AttemptEnd>;
  /** Resolves when nothing of the agent runs any more, or when it was given up. */
  readonly released: Promise<void>;
  /** Whether the agent still takes turns: false when it has blocked its process for long. */
  isAlive(): boolean;
}

/** Runs one attempt. */
export type RunAttempt = (job: AttemptJob, hooks: AttemptHooks) => AttemptRun;
