// The rollouts of one task in one step: what group-relative algorithms compare.
import type { ChatMessage } from "./chat.js";
import type { Trajectory } from "./transition.js";

/** How a rollout ended. Only those with a reward stay in their group; the others are counted. */
export type RolloutOutcome =
  /** The agent returned. */
  | "ok"
  /** The agent threw after a policy call: rewarded with rewardOnError, but excluded for a wrong argument to this package's own functions. */
  | "error"
  /** Excluded: calls that may be another rollout's, since one that ran beside it ended with a reward and without any. */
  | "in-doubt"
  /** Excluded: past its deadline, cancelled, a provider's failure, no policy call, no reward, a reward that is not finite. */
  | "timeout"
  | "cancelled"
  | "provider-error"
  | "no-call"
  | "no-reward"
  | "bad-reward"
  /** Excluded: one of the trainer's rewards failed for its group, or none said anything. */
  | "unscored";

export interface RolloutResult {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** Index of the task in the step, and of the sample in its group: the order in which rollouts enter the batch. */
  readonly task: number;
  readonly sample: number;
  readonly outcome: RolloutOutcome;
  /** Final reward; null when excluded. */
  readonly reward: number | null;
  /**
   * What the reward is made of, by name: "agent" is the number that the agent returned, or its last emitted primary reward where it returned
   * none. What it emitted under other names keeps them, the last of each; of these the final reward knows nothing by itself. Empty when excluded.
   */
  readonly parts: Readonly<Record<string, number>>;
  /** Message of what went wrong; null when nothing did. */
  readonly error: string | null;
  /** Training rows, those of shorter prompts first, whichever of its calls ended first. */
  readonly trajectories: readonly Trajectory[];
  /** Model calls that the policy answered. */
  readonly modelCalls: number;
  /** Model calls that the policy's endpoint refused. */
  readonly refusedCalls: number;
  /** Requests that look like model calls and could neither be served nor recorded: to hosts that are not routed, or by clients that are not on fetch. */
  readonly unseenCalls: number;
  /** Uploads of frameworks' traces to their makers, which were answered here. */
  readonly traceUploads: number;
  readonly seconds: number;
}

export interface TaskGroup {
  /** Index in the step. */
  readonly task: number;
  /** The task itself. */
  readonly input: unknown;
  /** Survivors, by sample. */
  readonly rollouts: readonly RolloutResult[];
  /** What a model call of the group saw; absent, or empty: not recorded. */
  messagesOf?(spanId: string): readonly ChatMessage[];
}
