// What training reads: model calls as token ids, and calls of one attempt merged where one continues the other.

/** One model call of an agent. Axes: P prompt tokens, R response tokens. */
export interface Transition {
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly spanId: string;
  /** Place among the model calls of its attempt, from 0, in the order in which they began; rows are by content. */
  readonly order: number;
  readonly responseId: string | null;
  /** The agent that made the call, "*" where none is named. */
  readonly agent: string;
  /** (P) and (R); the very ids that were computed, never encoded again. */
  readonly promptIds: readonly number[];
  readonly responseIds: readonly number[];
  /** (R) as sampled; null when the source did not record them. */
  readonly logprobs: readonly number[] | null;
  /** Indices of response tokens for which the answer's grammar left one choice: nothing was decided. Absent: none. */
  readonly forced?: readonly number[];
  /** Of the sampling distribution; log-probabilities are under it. */
  readonly temperature: number;
  /** Adapter, its version and the arithmetic that sampled it; null when another engine did. */
  readonly adapter: string | null;
  readonly version: number | null;
  /** (R) where the adapter was updated in between; `version` is then the first. */
  readonly versions?: readonly number[];
  readonly arithmetic: string | null;
  readonly finishReason: string | null;
  /** Reward matched to this very call; null is none. */
  readonly reward: number | null;
}

/**
 * Transitions of one attempt of which each prompt starts with the one before it, prompt and response: one training row of T tokens.
 * Axes: T tokens; per-token lists have T - 1 entries, for tokens[1..].
 */
export interface Trajectory {
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly agent: string;
  readonly tokens: readonly number[];
  /** 1 exactly on sampled tokens that were a choice: one that a grammar forced is 0, since under the grammar it has no gradient. */
  readonly mask: readonly number[];
  /** As sampled, 0 on what was not sampled; null when a transition has none. */
  readonly sampledLogprobs: readonly number[] | null;
  readonly temperature: number;
  readonly adapter: string | null;
  /** The transitions, in order. */
  readonly transitions: readonly Transition[];
}
