// The contract of a policy: one model in this process that samples, scores and trains. Everything above the engine sees this file only.
import type { Grammar } from "../grammar/grammar.js";
import type { JsonSchema } from "../types/call-request.js";
import type { ChatMessage } from "../types/chat.js";
import type { AdapterOptions } from "./adapters/adapter-options.js";
import type { RenderChatOptions, RenderedChat, ThoughtField } from "./chat/chat-template.js";
import type { TemplateVariables } from "./chat/template-options.js";
import type { Constraint, KeyedGrammar } from "./constraints/constraint.js";
import type { NativeCounters, NativePlan } from "./engine/binding.js";
import type { LossSequence } from "./losses/loss-inputs.js";
import type { LossFunction, PolicyLoss } from "./losses/policy-loss.js";
import type { ModelConfig } from "./model/model-config.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";
import type { ToolCallFamily } from "./tool-calls/call-forms.js";

/**
 * Samples run together; everything else waits for them and runs alone, first in, first out, later samples behind it. Loaded with
 * runningSamples: "carry", it does not wait: running samples stand still meanwhile and go on under the weights it leaves.
 * Every promise rejects with E_CLOSED once the policy is closed, and with E_ARGUMENT when an argument is wrong. When a device fails,
 * calls that need it reject with E_DEVICE; when one of several fails in the middle of a change of weights, all calls but `close` do from then on.
 */
export interface Policy extends AsyncDisposable {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Longest sequence, prompt and answer together, in tokens. */
  readonly contextLength: number;
  /** Name of the device that computes, as in `devices()`: "cpu", "cuda:0"; of several: "cuda:0,cuda:1". */
  readonly device: string;
  /** Compute path and revision of the rounding plan: log-probabilities with the same string are comparable bit by bit. */
  readonly arithmetic: string;
  /** Bytes of every arena, and their largest use so far; of all devices together. Throws E_CLOSED. */
  readonly plan: Plan;
  /** Tokens computed since load, by kind of pass; on all devices together. Throws E_CLOSED. */
  readonly counters: Counters;
  /** Names of the adapters, the default first. */
  readonly adapters: readonly string[];
  /** How many optimizer steps the adapter (default: the first; "base" is the model itself) has taken. Throws E_ARGUMENT, E_CLOSED. */
  version(adapter?: string): number;
  /** The date that the chat template prints, unless a call or a trainer names another. */
  readonly date: string;
  /** Variables of the chat template. */
  readonly template: TemplateVariables;
  /** Whose way of writing tool calls is the model's; null where its chat template writes none that is known. */
  readonly toolCalls: ToolCallFamily | null;
  /** The field of an earlier answer's message in which the chat template looks for what was thought. */
  readonly thoughtsIn: ThoughtField;
  /** The conversation through the model's chat template, ready to be continued. Throws E_ARGUMENT when there is no template or it refuses. */
  renderChat(messages: readonly ChatMessage[], options?: RenderChatOptions): RenderedChat;
  /**
   * What an answer must match, for `sample`'s `constraint`: a value of a JSON schema, or a text of a grammar. Made on a thread of its own while
   * everything else goes on, kept by content and shared. Rejects with E_ARGUMENT when a keyword of the schema cannot be enforced, which it names, or
   * the grammar is refused: it is left-recursive, repeats what may be empty, or matches nothing.
   */
  constrain(schema: JsonSchema | boolean | Grammar | KeyedGrammar): Promise<Constraint>;
  /** Continues a prompt `n` times. Rejects with the signal's reason when aborted; E_MEMORY when it cannot fit the token memory. */
  sample(options: SampleOptions): Promise<SampledChoice[]>;
  /** Log-probabilities and entropies of given tokens, in the order of the sequences. */
  score(sequences: readonly ArrayLike<number>[], options?: ScoreOptions): Promise<SequenceScores[]>;
  /**
   * Adds the loss's gradient to the adapter's. Rejects with E_NONFINITE when the loss is not finite, the gradients unchanged unless the message says that they may be partly added; E_EXACTNESS when a pass gives
   * other log-probabilities than the first or than the sequences carry; E_STATE when what is named is not trained.
   */
  forwardBackward(
    sequences: readonly LossSequence[],
    loss: PolicyLoss | LossFunction,
    options?: ScoreOptions,
  ): Promise<ForwardBackwardResult>;
  /** Copies of the gradients by name, as in a PEFT adapter file, or as in the model's files for train: "all". Rejects with E_STATE when not trained. */
  gradients(adapter?: string): Promise<Map<string, Float32Array>>;
  /** Forgets the gradients. Rejects with E_STATE when not trained. */
  zeroGradients(adapter?: string): Promise<void>;
  /** One AdamW step from the gradients, which it clears. Rejects with E_NONFINITE, nothing changed, and E_STATE when not trained. */
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  /** Adds a fresh adapter, which changes nothing until trained, or one from a PEFT folder, under a name that is no path. Rejects with E_MODEL, E_MEMORY, and E_STATE for train: "all". */
  addAdapter(name: string, adapter?: AdapterOptions | string): Promise<void>;
  /** Frees an adapter, once no sample runs. */
  removeAdapter(name: string): Promise<void>;
  /**
   * Writes an adapter as a PEFT folder (float32). `name` is the adapter's, default the first. `baseModel` is what it says it belongs to, as in
   * "Qwen/Qwen2.5-0.5B-Instruct": default what the folder said that it came from, or else the policy's own (in Hugging Face's cache ORG/NAME,
   * elsewhere the absolute path). Rejects with E_STATE for train: "all", and when the disk is full or may not be written.
   */
  saveAdapter(dir: string, options?: { readonly name?: string; readonly baseModel?: string }): Promise<void>;
  /** Writes the trained model as a Hugging Face folder. Rejects with E_STATE unless train is "all", and when the disk is full or may not be written. */
  saveModel(dir: string): Promise<void>;
  /**
   * Writes what training goes on from (values, moments and versions of everything trained, and the caller's own text) into one file, which is
   * replaced at once. Gradients that no step has taken, and the seeds of calls that name none, are not in it. Rejects with E_STATE when nothing is trained, or when the disk is full
   * or may not be written: then a file that was there is unchanged.
   */
  saveCheckpoint(file: string, state?: string): Promise<void>;
  /** Goes on from a checkpoint: from here every update gives the bits it would have given then. Resolves to the caller's text. Rejects with E_MODEL, nothing changed, when the file is damaged, of other weights, or over other base weights than the model began with (a digest tells); warns when it was trained in another arithmetic, or does not name its base, as older ones. */
  loadCheckpoint(file: string): Promise<string>;
  /** Cancels what runs, frees all memory; resolves when the engine has stopped. Calling it again is allowed. */
  close(): Promise<void>;
}

export type Plan = NativePlan;
export type Counters = NativeCounters;

export interface SampleOptions {
  /** Token ids, or text, which is encoded without adding special tokens. At least one token, fewer than the context length. */
  readonly prompt: ArrayLike<number> | string;
  /** How many continuations. Default 1. */
  readonly n?: number;
  /** Most tokens of a continuation. Default, and limit: what the context length leaves. */
  readonly maxTokens?: number;
  /** 0 is greedy. Default 1. */
  readonly temperature?: number;
  /** Keeps the fewest tokens whose probability reaches this. Default 1. */
  readonly topP?: number;
  /** Keeps this many of the likeliest tokens; 0 keeps all. Default 0. */
  readonly topK?: number;
  /** Keeps tokens at least this share as probable as the most probable. Filters apply in the order topK, topP, minP. Default 0. */
  readonly minP?: number;
  /** Names this many of the most probable tokens beside each sampled one, 0 to 20. Default 0. */
  readonly topLogprobs?: number;
  /** 0 to 2^64 - 1: the same seed and prompt give the same tokens. Default: the next of the policy's own. */
  readonly seed?: number | bigint;
  /** Strings and token ids that end a continuation; the token that completes one is its last. */
  readonly stop?: string | readonly (string | number)[];
  /** Go on after the model's end-of-sequence tokens. Default false. */
  readonly ignoreEos?: boolean;
  /** An adapter's name or "base". Default: the first adapter. */
  readonly adapter?: string;
  /**
   * What `constrain` resolved to: each token is drawn from those that its text can go on with, and end tokens exactly where it may end. It narrows
   * the draw alone: topK, topP and minP apply to what it leaves, log-probabilities stay those of the whole distribution.
   */
  readonly constraint?: Constraint;
  /** The constraint begins once this has been written, wherever tokens split it; before, nothing is masked. "</think>": a thought comes first. Default: at once. */
  readonly constraintAfter?: string;
  readonly signal?: AbortSignal;
  /** Called for every token in order, before the promise settles, never after an abort. If it throws, the call rejects with that. */
  readonly onToken?: (token: StreamedToken) => void;
  /** Asked of every token in order, after onToken: whether it ends its choice, which then stops as at a stop string. If it throws, the call rejects with that. */
  readonly isLast?: (token: StreamedToken) => boolean;
  /** Called once if the call is given up while it runs (aborted, or the policy closed), with the choices as far as they were sampled. Must not throw. */
  readonly onAborted?: (choices: SampledChoice[]) => void;
}

export interface StreamedToken {
  readonly choice: number;
  readonly token: number;
  readonly logprob: number;
}

export interface SampledChoice {
  /** Without the prompt, with the token that ended it. */
  readonly tokens: Int32Array;
  /** Of each token, under the model's distribution at the temperature (at 1 for greedy), before topK and topP. */
  readonly logprobs: Float32Array;
  readonly finishReason: "stop" | "length" | "aborted";
  /** `topLogprobs` token ids for each token, most probable first, laid end to end; their log-probabilities are as in `logprobs`. Empty for onAborted. */
  readonly topTokens: Int32Array;
  readonly topLogprobs: Float32Array;
  /** What sampled it: an adapter's name or "base". */
  readonly adapter: string;
  /** Optimizer steps its weights had taken when its first token was sampled. */
  readonly version: number;
  /** The same for each token, where an update came in between; absent otherwise. */
  readonly versions?: Int32Array;
  readonly arithmetic: string;
  /** Under a constraint: indices of the tokens for which it left one choice (the token, or to end), so that nothing was decided. Absent without. */
  readonly forced?: readonly number[];
  /** Under a constraint, of each token: the probability, under the distribution of `logprobs`, of all that it allowed; null where that was everything. Absent without. */
  readonly mass?: readonly (number | null)[];
}

export interface ScoreOptions {
  /** An adapter's name or "base". Default: the first adapter. */
  readonly adapter?: string;
  /** Logits are divided by it; 0 stands for 1, as in `sample`. Default 1. */
  readonly temperature?: number;
}

/** One number for each of tokens[1..]. */
export interface SequenceScores {
  readonly logprobs: Float32Array;
  /** In nats. */
  readonly entropy: Float32Array;
}

export interface ForwardBackwardResult {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Of tokens[1..] of each sequence, before any step. */
  readonly logprobs: Float32Array[];
}

export interface OptimStepOptions {
  /** Default: the first adapter. */
  readonly adapter?: string;
  readonly lr: number;
  /** Default [0.9, 0.95]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Decoupled; default 0. */
  readonly weightDecay?: number;
  /** Gradients of a larger norm are scaled down to it; Infinity does not clip. Default 1. */
  readonly maxGradNorm?: number;
}

export interface OptimStepResult {
  /** Norm over all gradients before clipping. */
  readonly gradNorm: number;
  /** Version of the adapter from now on. */
  readonly version: number;
}
