// How what a group earned is spread over its model calls. A rule gives terms, numbers to compare within sets; the algorithm normalises them.
import type { ChatMessage } from "./chat.js";

/** What each call of a group contributed. Pure: the same group gives the same terms. */
export type Credit = (group: CreditGroup) => readonly CreditTerm[];

/**
 * Numbers of a group's rollouts or calls, each compared with those of its own set alone. A call's advantage is the sum over the terms of
 * weight times its normalised number; one by rollout goes to all calls of the rollout. Every group of a step has as many terms, in one order.
 */
export interface CreditTerm {
  /** "rollout": one number for each, by sample; "call": rollouts by sample, calls in their order. */
  readonly of: "rollout" | "call";
  /** NaN says nothing: it enters no mean and becomes 0. */
  readonly values: readonly number[];
  /** The set of each number: integers that mean something within this term and group alone. */
  readonly sets: readonly number[];
  /**
   * "std": (x - mean) / (sample deviation + epsilon); "mean": x - mean; "none": x itself, normalised already. A number alone in its set becomes 0
   * unless "none". Absent: the algorithm's own baseline and scale.
   */
  readonly scale?: "std" | "mean" | "none";
  readonly weight: number;
}

/** The rollouts of one task that can be used. */
export interface CreditGroup {
  /** The task's index in the step. */
  readonly task: number;
  /** The task itself. */
  readonly input: unknown;
  /** By sample. */
  readonly rollouts: readonly CreditRollout[];
}

export interface CreditRollout {
  readonly rolloutId: string;
  readonly sample: number;
  /** Final. */
  readonly reward: number;
  /** What the final reward is made of, by name; "agent" is what the agent returned. */
  readonly parts: Readonly<Record<string, number>>;
  /** All its model calls with token ids, whoever answered them, in the order in which they began. */
  readonly calls: readonly CreditCall[];
}

export interface CreditCall {
  readonly spanId: string;
  /** The agent that made the call, "*" where none is named. */
  readonly agent: string;
  /** Which adapter answered; null when another engine did. */
  readonly adapter: string | null;
  /** What this very call earned besides the final reward: emitted after it, or by process rewards; null is nothing. */
  readonly reward: number | null;
  readonly promptIds: readonly number[];
  readonly responseIds: readonly number[];
  /** What the call saw; read when it is asked for, empty where nothing was recorded. */
  readonly messages: readonly ChatMessage[];
}
