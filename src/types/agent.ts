// The user's agent as the runner calls it, and what it can know about the rollout it runs in.
import type { Resources } from "./resources.js";
import type { RolloutMode } from "./rollout.js";

/**
 * Addresses by which a client names its rollout on every call, so that a call is this rollout's whatever queue, pool or batcher it went
 * through. Without the trainer's `listen` nothing listens there: calls are served in this process, and what escapes fails at DNS instead of
 * reaching a provider. With it the address is real, and processes, threads and machines that the asynchronous context cannot reach call it.
 */
export interface RolloutEndpoint {
  /** Base URL of OpenAI clients: `http://agentlightning.invalid/rollout/R/attempt/A/v1`; with `listen`, of its URL. */
  readonly openai: string;
  /** Base URLs of clients that add the version themselves: the same without `/v1`. */
  readonly anthropic: string;
  readonly google: string;
  /** The same as variables that clients read, with keys that are none; with `listen`, with the rollout's own key, and `AGL_*` for 1.0's agents. */
  readonly env: Readonly<Record<string, string>>;
}

export interface RolloutContext {
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  /** Aborts at the deadline and on cancellation. */
  readonly signal: AbortSignal;
  readonly resources: Resources;
  /** For clients that the asynchronous context cannot follow. */
  readonly endpoint: RolloutEndpoint;
}

/** A number is the final reward, true is 1, false is 0; nothing: the last emitted primary reward is final. */
// biome-ignore lint/suspicious/noConfusingVoidType: an agent without a return statement has this type
export type AgentResult = number | boolean | void | undefined;
export type Agent<Task = unknown> = (
  task: Task,
  context: RolloutContext,
) => AgentResult | Promise<AgentResult>;
