// The contract of a policy loss (Law 3): a function of per-token numbers, which returns its derivatives in closed form. Nothing
// else reaches the backward pass. Axes: S sequences laid end to end, T numbers in all, one for each of a sequence's tokens[1..].

/** What a loss may require besides the log-probabilities. */
export type TokenInput =
  | "mask"
  | "weights"
  | "advantages"
  | "oldLogprobs"
  | "sampledLogprobs"
  | "refLogprobs"
  | "entropies"
  | "rollouts"
  | "groups";

/** The numbers of a whole update. Read-only by agreement: a loss writes into none of them. */
export interface TokenNumbers {
  /** (S + 1) sequence s is [offsets[s], offsets[s + 1]). */
  readonly offsets: Int32Array;
  /** (T) log-probability now, at the temperature of the update. */
  readonly logprobs: Float64Array;
  /** (T) 1 where the token counts, else 0: whatever stands there (also NaN) must contribute nothing. */
  readonly mask: Float64Array;
  /** (T) given weights, else the mask. */
  readonly weights: Float64Array;
  /** (T) entropy of the distribution each token was drawn from, now, in nats; absent where the loss does not read it and no pass has given it. */
  readonly entropies?: Float64Array | undefined;
  /** (T) */
  readonly advantages?: Float64Array | undefined;
  /** (T) log-probability at the start of the update. */
  readonly oldLogprobs?: Float64Array | undefined;
  /** (T) log-probability when the token was sampled. */
  readonly sampledLogprobs?: Float64Array | undefined;
  /** (T) log-probability under the reference. */
  readonly refLogprobs?: Float64Array | undefined;
  /** (S) the rollout of each sequence, dense ids from 0. */
  readonly rollouts?: Int32Array | undefined;
  /** (S) the group of each sequence, dense ids from 0. */
  readonly groups?: Int32Array | undefined;
}

export interface LossResult {
  readonly loss: number;
  /** Means over the tokens that count in this call, and `tokens`, their number, to combine calls by. */
  readonly metrics: Readonly<Record<string, number>>;
  /** (T) dloss/dlogprobs, exactly 0 where the mask is 0. */
  readonly dLogprobs: Float64Array;
  /** (T) dloss/dentropies; absent: all 0. */
  readonly dEntropies?: Float64Array | undefined;
}

export interface PolicyLoss {
  /** For messages. */
  readonly name: string;
  /** What every sequence must carry; "weights" is met by a mask as well. Checked before the forward pass. */
  readonly reads: readonly TokenInput[];
  /** The derivatives depend on neither log-probabilities nor entropies, and so are known before any forward pass. Default false. */
  readonly isLinear?: boolean;
  /** A pure function of its argument, which is a whole update. */
  evaluate(tokens: TokenNumbers): LossResult;
}

/** A loss may be a bare function of the same numbers. */
export type LossFunction = (tokens: TokenNumbers) => LossResult;
