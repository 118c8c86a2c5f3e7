// The user's agent as the runner calls it, and what it can know about the rollout it runs in.
import type { Resources } from "./resources.js";
import type { RolloutMode } from "./rollout.js";

export interface RolloutContext {
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  /** Aborts at the deadline and on cancellation. */
  readonly signal: AbortSignal;
  readonly resources: Resources;
}

/** A number is the final reward, true is 1, false is 0; nothing: the last emitted primary reward is final. */
// biome-ignore lint/suspicious/noConfusingVoidType: an agent without a return statement has this type
export type AgentResult = number | boolean | void | undefined;
export type Agent<Task = unknown> = (
  task: Task,
  context: RolloutContext,
) => AgentResult | Promise<AgentResult>;
