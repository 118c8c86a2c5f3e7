// The part of the native binding that is mathematics on the caller's thread: advantages and losses, in float64. Synchronous;
// inputs are read in place; every argument has been checked by advantages.ts and losses/. Axes: S sequences, T tokens.

/** How sequences share a loss. `units` names the pooled unit of each sequence, dense ids. */
export interface NativeAggregate {
  readonly by: "sum" | "token" | "sequence-mean" | "sequence-sum" | "constant" | "unit";
  /** The denominator; absent: counted in this call. */
  readonly total?: number;
  /** Tokens, for "constant". */
  readonly length?: number;
  /** (S) ids from 0 to unitCount - 1, for "unit". */
  readonly units?: Int32Array;
  readonly unitCount?: number;
}

/** Absent inputs are left out. (T) each, offsets (S + 1). */
export interface NativeLossInputs {
  readonly offsets: Int32Array;
  readonly logprobs: Float64Array;
  readonly mask: Float64Array;
  readonly weights?: Float64Array | undefined;
  readonly entropies?: Float64Array | undefined;
  readonly advantages?: Float64Array | undefined;
  readonly oldLogprobs?: Float64Array | undefined;
  readonly sampledLogprobs?: Float64Array | undefined;
  readonly refLogprobs?: Float64Array | undefined;
}

/** What stands for the policy gradient; numbers left out are not its own. */
export interface NativeSurrogate {
  readonly kind: "clip" | "gspo" | "cispo" | "sapo" | "gmpo" | "dppo" | "reinforce" | "importance";
  readonly low?: number;
  readonly high?: number;
  readonly dualClip?: number | undefined;
  readonly max?: number;
  readonly tauPositive?: number;
  readonly tauNegative?: number;
  readonly bound?: number;
}

/** `max` is the cap of "tis". */
export interface NativeCorrection {
  readonly kind: "none" | "tis" | "icepop" | "sequence-mask";
  readonly min?: number;
  readonly max?: number;
  readonly offPolicyThreshold?: number;
  readonly entropyShare?: number;
}

export interface NativePolicyLoss {
  readonly surrogate: NativeSurrogate;
  readonly correction: NativeCorrection;
  readonly klKind: "k1" | "k2" | "k3";
  readonly klCoefficient: number;
  readonly entropyCoefficient: number;
  readonly aggregate: NativeAggregate;
}

/** Sums over the tokens that count; divide by `tokens`. */
export interface NativeLossSums {
  readonly tokens: number;
  readonly logprob: number;
  readonly entropy: number;
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly clippedLow: number;
  readonly clippedHigh: number;
  readonly clippedDual: number;
  readonly klOld: number;
  readonly klRef: number;
  readonly coefficient: number;
  readonly dropped: number;
}

export interface NativeLossResult {
  readonly loss: number;
  readonly sums: NativeLossSums;
  readonly dLogprobs: Float64Array;
  readonly dEntropies: Float64Array;
}

export interface NativeMath {
  groupAdvantages(
    rewards: Float64Array,
    groups: Int32Array,
    groupCount: number,
    options: {
      readonly baseline: "mean" | "leave-one-out" | "none";
      readonly scale: "group" | "batch" | "none";
      readonly groupOfOne: "zero" | "reward";
      readonly epsilon: number;
    },
  ): Float64Array;
  discountedReturns(rewards: Float64Array, offsets: Int32Array, gamma: number): Float64Array;
  gae(
    inputs: {
      readonly rewards: Float64Array;
      readonly values: Float64Array;
      readonly mask: Float64Array;
      readonly offsets: Int32Array;
    },
    gamma: number,
    lambda: number,
  ): { readonly advantages: Float64Array; readonly returns: Float64Array };
  whiten(values: Float64Array, mask: Float64Array): Float64Array;
  logLikelihoodLoss(inputs: NativeLossInputs): NativeLossResult;
  policyLoss(inputs: NativeLossInputs, options: NativePolicyLoss): NativeLossResult;
}
