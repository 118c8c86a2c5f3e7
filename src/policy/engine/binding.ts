// The contract with the native addon and the only place that loads it. Everything that reaches the addon has been checked by the
// TypeScript side: it receives clean values and refuses only what would be unsafe.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import type { NativeConstraints, NativeVocabulary } from "./native-constraints.js";
import type { NativeMath } from "./native-math.js";
import { noAddon } from "./native-package.js";

/** Where a tensor lies in the folder's files. A vector has one row. */
export interface NativeTensor {
  readonly file: number;
  /** Absolute byte offset in the file. */
  readonly begin: number;
  readonly dtype: "f32" | "bf16" | "f16";
  readonly rows: number;
  readonly columns: number;
}

export type ModelRole =
  | "embedding"
  | "head"
  | "finalNorm"
  | "attentionNorm"
  | "mlpNorm"
  | "q"
  | "k"
  | "v"
  | "o"
  | "qBias"
  | "kBias"
  | "vBias"
  | "qNorm"
  | "kNorm"
  | "gate"
  | "up"
  | "down";

/** The order of the seven projections everywhere: index 0 to 6. */
export type Projection = "q" | "k" | "v" | "o" | "gate" | "up" | "down";

export interface NativeModelTensor extends NativeTensor {
  readonly role: ModelRole;
  /** Layer index; 0 for tensors outside the layers. */
  readonly layer: number;
}

export interface NativeEngineOptions {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly intermediate: number;
  readonly vocabulary: number;
  readonly tie: boolean;
  readonly normEps: number;
  readonly rope: {
    readonly theta: number;
    readonly kind: "default" | "llama3" | "linear";
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalMaxPositions: number;
  };
  readonly files: readonly string[];
  /** In the order in which `parameters(-1, ...)` answers when trainAll. */
  readonly tensors: readonly NativeModelTensor[];
  readonly trainAll: boolean;
  readonly threads: number;
  /** "" is the widest this machine has. */
  readonly isa: "" | "scalar" | "avx2" | "avx512" | "amx";
  /** The arithmetic: dtype of packed weights, adapters, keys and values. trainAll needs f32. */
  readonly compute: "f32" | "bf16";
  /** What the layers' projections are packed as: "auto" is `compute`, the others need "bf16". */
  readonly weights: "auto" | "int8" | "fp8";
  /** Longest sequence, in tokens. */
  readonly contextLength: number;
  /** Most distinct tokens in one training micro-batch; at least contextLength. */
  readonly trainTokens: number;
  /** Most rows in one sampler pass. */
  readonly batchTokens: number;
  /** Positions of token memory, a multiple of 32, at least contextLength + 32. */
  readonly cacheTokens: number;
  /** Ordinal of the CUDA device; -1 is the CPU. */
  readonly cuda: number;
  /** Of the device's free memory: what the plan may take. */
  readonly memoryFraction: number;
  /** Fill unwritten memory with NaN (tests). */
  readonly poison: boolean;
}

export interface NativeAdapterTarget {
  readonly layer: number;
  readonly projection: number;
  readonly rank: number;
  readonly scale: number;
  /** A (rank, in) and B (out, rank) on disk; absent: A uniform in +-1/sqrt(in) by `seed`, B zero. */
  readonly a?: NativeTensor;
  readonly b?: NativeTensor;
}

export interface NativeAdapter {
  /** In the order in which `parameters` answers: A then B of each. */
  readonly targets: readonly NativeAdapterTarget[];
  readonly files: readonly string[];
  readonly seed: bigint;
}

/** Bytes of every arena. */
export interface NativePlan {
  readonly weights: number;
  readonly adapters: number;
  readonly optimizer: number;
  readonly tokenMemory: number;
  readonly activations: number;
  readonly scratch: number;
  readonly total: number;
  /** Largest use so far of the arenas above, same keys. */
  readonly highWater: Readonly<Record<string, number>>;
  /** Bytes of the largest single allocation among activations, and bytes of one vocabulary block of logits for a whole micro-batch. */
  readonly largestActivation: number;
}

export interface NativeSampleRequest {
  readonly prompt: Int32Array;
  readonly n: number;
  readonly maxTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0 is all. */
  readonly topK: number;
  /** 0 filters nothing. */
  readonly minP: number;
  /** How many of the most probable tokens to name for each token. */
  readonly topLogprobs: number;
  readonly seed: bigint;
  /** Token ids that end a choice (the id is kept as the last token). */
  readonly stopTokens: Int32Array;
  /** Adapter handle, -1 is the base model. */
  readonly adapter: number;
  /** Needs a stop token. It begins once `after` has been written; "" is at once. */
  readonly constraint?: { readonly handle: unknown; readonly after: string };
  /** Called for each token as it is sampled, on the JavaScript thread, in order; `mass` and `isForced` as in NativeChoice. */
  readonly onToken?: (
    choice: number,
    token: number,
    logprob: number,
    version: number,
    mass: number,
    isForced: boolean,
  ) => void;
}

export interface NativeChoice {
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
  /** Of the weights that sampled each token. */
  readonly versions: Int32Array;
  readonly finishReason: "stop" | "length" | "aborted";
  /** `topLogprobs` ids and numbers for each token, most probable first. */
  readonly topTokens: Int32Array;
  readonly topLogprobs: Float32Array;
  /** Under a constraint: of each token the probability of what was allowed, NaN for everything; indices of tokens that were no choice. */
  readonly mass?: Float32Array;
  readonly forced?: Int32Array;
}

/** Sequences laid end to end: sequence i is tokens[offsets[i] .. offsets[i + 1]). */
export interface NativeBatch {
  readonly tokens: Int32Array;
  readonly offsets: Int32Array;
  readonly adapter: number;
  readonly temperature: number;
  /** Keep what backward needs until the next forward or backward. */
  readonly keep: boolean;
}

/** For each sequence of length T, T - 1 numbers, laid end to end. */
export interface NativeScores {
  readonly logprobs: Float32Array;
  readonly entropies: Float32Array;
}

export interface NativeDivision {
  /** Sequence indices in forest order. */
  readonly order: Int32Array;
  /** Micro-batch m is order[ends[m - 1] .. ends[m]). */
  readonly ends: Int32Array;
  /** Distinct tokens of the whole batch, and tokens computed again because a tree was cut. */
  readonly distinct: number;
  readonly repeated: number;
}

export interface NativeOptimStep {
  readonly adapter: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Infinity does not clip. */
  readonly maxGradNorm: number;
}

export interface NativeTrainingState {
  readonly values: readonly Float32Array[];
  readonly firstMoments: readonly Float32Array[];
  readonly secondMoments: readonly Float32Array[];
  /** Optimizer steps taken. */
  readonly version: number;
}

/** Counters since load: tokens computed, by kind of pass (Law 2 is checked with them). */
export interface NativeCounters {
  readonly sampledTokens: number;
  readonly prefillRows: number;
  readonly decodeRows: number;
  readonly samplerPasses: number;
  readonly largestSamplerPass: number;
  readonly cachedPromptTokens: number;
  /** Positions of running samples computed again after an update of their weights. */
  readonly carriedRows: number;
  readonly forwardRows: number;
  readonly backwardRows: number;
  readonly recomputedRows: number;
}

/** The passes of scoring and training, run one after another. */
export interface NativePasses {
  /** `shares`: how many engines compute the micro-batches side by side. */
  divide(
    batch: { readonly tokens: Int32Array; readonly offsets: Int32Array },
    shares: number,
  ): NativeDivision;
  forward(batch: NativeBatch): Promise<NativeScores>;
  /** Adds to the gradients, from the last forward with keep; one number per prediction, as in NativeScores. */
  backward(dLogprobs: Float64Array, dEntropies: Float64Array): Promise<void>;
}

/**
 * One engine. Promises reject with an object { code, message }. The engine runs jobs one after another on its own thread, samples joined in one batch;
 * the facade keeps the states of DESIGN 4 (who waits for whom).
 */
export interface NativeEngine extends NativePasses {
  load(): Promise<void>;
  plan(): NativePlan;
  counters(): NativeCounters;
  /** What computes and the revision of its rounding plan, e.g. "f32-r1"; "" before it is loaded. */
  arithmetic(): string;
  isa(): string;
  addAdapter(adapter: NativeAdapter): Promise<number>;
  removeAdapter(handle: number): Promise<void>;
  sample(id: number, request: NativeSampleRequest): Promise<readonly NativeChoice[]>;
  /** Ends the choices of a running or waiting sample with "aborted"; `choice` -1 is all, otherwise the choice ends with "stop" after `keep` tokens. */
  cancel(id: number, choice: number, keep: number): void;
  /** While held, running samples stand still: other jobs run beside them, and an update carries them over to the new weights. */
  holdSampler(held: boolean): void;
  /** AdamW and clipping; drops token memory computed under older weights, clears the gradients; a norm that is not finite rejects with E_NONFINITE, nothing changed. */
  optimStep(step: NativeOptimStep): Promise<{ readonly gradNorm: number; readonly version: number }>;
  /** Copies, in the order of the targets or tensors; handle -1 is the base model (trainAll). */
  parameters(
    handle: number,
    kind: "value" | "gradient" | "firstMoment" | "secondMoment",
  ): Promise<readonly Float32Array[]>;
  zeroGradients(handle: number): Promise<void>;
  /** Replaces the gradients, in the order of `parameters`. */
  setGradients(handle: number, gradients: readonly Float32Array[]): Promise<void>;
  /** Goes on from that state, in the order of `parameters`; gradients are cleared. */
  restore(handle: number, state: NativeTrainingState): Promise<void>;
  /** Cancels everything, joins the threads, frees the memory. Idempotent. */
  close(): void;
}

export interface NativeBinding extends NativeMath {
  readonly Engine: new (options: NativeEngineOptions) => NativeEngine;
  readonly Constraints: new (vocabulary: NativeVocabulary) => NativeConstraints;
  devices(): readonly {
    readonly name: string;
    readonly kind: "cpu" | "cuda";
    readonly model?: string;
    readonly isa: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly unavailable?: string;
  }[];
  /** The path of the CUDA library where none lies beside the addon; counts until devices or an engine first look for it. */
  offerCudaLibrary(path: string): void;
}

/** The addon. @throws E_NATIVE when this platform has no build of it; the message carries the remedy. */
export function native(): NativeBinding {
  const require = createRequire(import.meta.url);
  try {
    return require("node-gyp-build")(fileURLToPath(new URL("../../..", import.meta.url))) as NativeBinding;
  } catch (cause) {
    throw noAddon(cause);
  }
}
