// What the methods of one policy share. Plain data: the methods are functions in sample.ts, score.ts, train.ts and adapters.ts.
import type { AdapterTable } from "./adapters/adapter-table.js";
import type { ConstraintTable } from "./constraints/constraint-table.js";
import type { NativeEngine, NativePasses } from "./engine/binding.js";
import type { BaseDigest } from "./model/base-digest.js";
import type { ModelConfig } from "./model/model-config.js";
import type { Policy } from "./policy.js";
import type { States } from "./states.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** One engine, or several that hold the same weights, as what they are to sampling, to the optimizer and to whoever reads and writes weights. */
export type PolicyEngine = Omit<NativeEngine, keyof NativePasses | "load" | "isa" | "setGradients">;

/** The engines one by one, as what computes the passes of scoring and training side by side. */
export type Lanes = readonly [NativePasses, ...NativePasses[]];

export interface PolicyParts {
  readonly engine: PolicyEngine;
  readonly lanes: Lanes;
  readonly states: States;
  readonly adapters: AdapterTable;
  readonly constraints: ConstraintTable;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  readonly device: string;
  readonly arithmetic: string;
  /** The folder the model came from. */
  readonly dir: string;
  /** What adapters call it that came with no name of their own. */
  readonly baseModel: string;
  /** Of the weights that came from there. */
  readonly baseDigest: BaseDigest;
  readonly date: string;
  readonly template: Policy["template"];
  readonly toolCalls: Policy["toolCalls"];
  readonly thoughtsIn: Policy["thoughtsIn"];
  readonly renderChat: Policy["renderChat"];
  /** The next seed for a sample, or for a fresh adapter, that names none. */
  readonly nextSeed: () => bigint;
  readonly nextAdapterSeed: () => bigint;
  /** Ids of the engine's sample calls, never twice. */
  readonly nextId: () => number;
}
