// The options of loadPolicy: checked against the model, with the defaults.
import { availableParallelism } from "node:os";
import { argumentError, checkBoolean, checkInteger, checkNumber, checkOneOf } from "../base/check.js";
import type { AdapterOptions } from "./adapters/adapter-options.js";
import type { TemplateVariables } from "./chat/template-options.js";
import type { NativeEngineOptions } from "./engine/binding.js";
import { type ChosenDevice, chooseDevices, type DeviceChoice } from "./engine/devices.js";
import { checkSeed } from "./engine/seeds.js";
import type { ModelConfig } from "./model/model-config.js";
import type { ModelFolder } from "./model/model-folder.js";
import { type ToolCallFamily, toolCallFamilies } from "./tool-calls/call-forms.js";

export interface LoadPolicyOptions {
  /**
   * Default "auto": the first GPU that can be used, or else the CPU. See `devices()`. Several GPUs (a list, or "all") hold a copy of the weights each:
   * samples are spread over them by prompt, updates divided among them. The same number of devices gives the same bits.
   */
  readonly device?: DeviceChoice;
  /** Of the device's free memory: what the policy may take, from 0.01 to 1. Default: 0.9 on a GPU, 1 on the CPU. */
  readonly memoryFraction?: number;
  /**
   * Type of the products' operands; sums are float32 either way. "bf16" halves the memory of weights and of keys and values, and reads
   * them twice as fast. Default "auto": "bf16" for weights stored as bf16 under an adapter and for `weights` of one byte, else "f32".
   */
  readonly compute?: "auto" | "f32" | "bf16";
  /**
   * What the seven projections of each layer are held in: one byte a weight and a float32 scale for each of their outputs, so about half
   * the memory of bf16; the head, the embedding, norms, biases and adapters stay as they are. "int8" moves each weight by at most
   * max|w| / 254 of its output's weights; "fp8" (e4m3) by at most |w| / 16, or max|w| / 458,752 if that is more. Products are those of bf16,
   * exact over these weights, and sampling and training read the same bytes: an adapter is trained over the very weights it is sampled with.
   * Not together with compute: "f32" or train: "all". Default "auto": as `compute` says.
   */
  readonly weights?: "auto" | "int8" | "fp8";
  /** Default: the cores this process may use. Several devices share them. */
  readonly threads?: number;
  /** Samples that name no seed, and fresh adapters, follow from it. Default 0. */
  readonly seed?: number | bigint;
  /** Train LoRA adapters over frozen weights (default), or all weights. */
  readonly train?: "adapter" | "all";
  /** The adapter named "default": options of a fresh one, or the path of a PEFT folder. */
  readonly adapter?: AdapterOptions | string;
  /** Longest sequence in tokens; at most the window of a model that has a sliding one. Default: the model's, at most 4,096. */
  readonly contextLength?: number;
  /** Most distinct tokens that one micro-batch of training or scoring holds, on each device. Default: 2,048, or the context length if that is more. */
  readonly trainTokens?: number;
  /** Tokens whose keys and values sampling can hold at once, on each device. Default: 16,384, or four times the context length if that is more. */
  readonly cacheTokens?: number;
  /** Most tokens that one pass of sampling computes. Default 512. */
  readonly batchTokens?: number;
  /**
   * What becomes of running samples when a score, training or an adapter call comes. "drain" (default): it waits for them. "carry": they stand still
   * meanwhile; after an update of their weights they go on under the new version, and each of their tokens carries the version that sampled it.
   */
  readonly runningSamples?: "drain" | "carry";
  /** Variables of the chat template, such as { enable_thinking: false }; those of a trainer and of a request go over them. */
  readonly template?: TemplateVariables;
  /** The date that chat templates print, as "2026-03-10" or "2026-03-10T14:30". Default "2024-07-26", what Llama's templates fall back to; never the clock. */
  readonly date?: string;
  /** How the model writes tool calls, by the family it is of: "hermes" is also Qwen2.5's and Qwen3's, "qwen-xml" that of Qwen3-Coder and Qwen3.5. Default "auto": as its chat template writes them. */
  readonly toolCalls?: "auto" | ToolCallFamily;
  readonly testing?: TestingOptions;
}

/** For tests: what must not change any result. */
export interface TestingOptions {
  /** Default: the widest of this machine. */
  readonly isa?: "scalar" | "avx2" | "avx512" | "amx";
  /** Fill unwritten memory with NaN. Default false. */
  readonly poison?: boolean;
  /** Copies of the weights on each device, as if it were as many devices. Default 1. */
  readonly replicas?: number;
}

/** Where engines are made, and what they share. */
export interface EnginePlaces {
  readonly devices: readonly ChosenDevice[];
  /** Whether they were asked for, and not found. */
  readonly isAsked: boolean;
  /** On each device. */
  readonly replicas: number;
  /** Of all engines together. */
  readonly threads: number;
  /** Of each device's free memory; absent: by its kind. */
  readonly memoryFraction: number | undefined;
}

/** What an engine needs to know besides the model. */
export interface LoadPlan
  extends Pick<
    NativeEngineOptions,
    | "isa"
    | "compute"
    | "weights"
    | "contextLength"
    | "trainTokens"
    | "batchTokens"
    | "cacheTokens"
    | "poison"
    | "trainAll"
  > {
  readonly places: EnginePlaces;
  readonly seed: bigint;
  readonly carriesSamples: boolean;
}

/** @throws E_ARGUMENT naming the option; E_DEVICE when the device cannot be used */
export function checkLoadOptions(
  who: string,
  options: LoadPolicyOptions,
  { config, tensors }: Pick<ModelFolder, "config" | "tensors">,
): LoadPlan {
  const { testing = {} } = options;
  checkBoolean(who, "testing.poison", testing.poison);
  const places = checkPlaces(who, options, testing);
  const trainAll = checkOneOf(who, "train", options.train ?? "adapter", ["adapter", "all"]) === "all";
  if (trainAll && options.adapter !== undefined)
    throw argumentError(
      who,
      'no adapter together with train: "all"',
      options.adapter,
      "leave train out to train the adapter",
    );
  return {
    places,
    trainAll,
    ...checkArithmetic(who, options, trainAll, tensors),
    ...checkSizes(who, options, config),
    seed: checkSeed(who, options.seed ?? 0),
    carriesSamples:
      checkOneOf(who, "runningSamples", options.runningSamples ?? "drain", ["drain", "carry"]) === "carry",
    isa:
      testing.isa === undefined
        ? ""
        : checkOneOf(who, "testing.isa", testing.isa, ["scalar", "avx2", "avx512", "amx"]),
    poison: testing.poison ?? false,
  };
}

/** @throws E_ARGUMENT for a family that is none */
export function checkFamily(
  who: string,
  { toolCalls = "auto" }: LoadPolicyOptions,
  { family }: { readonly family: ToolCallFamily | null },
): ToolCallFamily | null {
  const asked = checkOneOf(who, "toolCalls", toolCalls, ["auto", ...toolCallFamilies] as const);
  return asked === "auto" ? family : asked;
}

// --- internal ---

const kMaxThreads = 256;
const kBlock = 32;
const kMaxTokens = 2 ** 24;

function checkPlaces(
  who: string,
  { device = "auto", memoryFraction, threads }: LoadPolicyOptions,
  { replicas = 1 }: TestingOptions,
): EnginePlaces {
  return {
    devices: chooseDevices(who, device),
    isAsked: device !== "auto",
    memoryFraction:
      memoryFraction === undefined
        ? undefined
        : checkNumber(who, "memoryFraction", memoryFraction, { min: 0.01, max: 1 }),
    threads: checkInteger(who, "threads", threads ?? Math.min(availableParallelism(), kMaxThreads), {
      min: 1,
      max: kMaxThreads,
    }),
    replicas: checkInteger(who, "testing.replicas", replicas, { min: 1, max: 16 }),
  };
}

function checkArithmetic(
  who: string,
  options: LoadPolicyOptions,
  trainAll: boolean,
  tensors: ModelFolder["tensors"],
): Pick<LoadPlan, "compute" | "weights"> {
  const compute = checkOneOf(who, "compute", options.compute ?? "auto", ["auto", "f32", "bf16"]);
  const weights = checkOneOf(who, "weights", options.weights ?? "auto", ["auto", "int8", "fp8"]);
  if (weights !== "auto") {
    const together = `together with weights: "${weights}"`;
    if (trainAll) throw argumentError(who, `train to be "adapter" ${together}`, "all");
    if (compute === "f32") throw argumentError(who, `compute to be "auto" or "bf16" ${together}`, compute);
    return { compute: "bf16", weights };
  }
  if (compute === "auto") {
    const isBf16 = !trainAll && tensors.every((tensor) => tensor.dtype === "bf16");
    return { compute: isBf16 ? "bf16" : "f32", weights };
  }
  if (compute === "bf16" && trainAll)
    throw argumentError(
      who,
      'compute to be "f32" together with train: "all"',
      compute,
      "train an adapter in bf16",
    );
  return { compute, weights };
}

function checkSizes(
  who: string,
  options: LoadPolicyOptions,
  config: ModelConfig,
): Pick<LoadPlan, "contextLength" | "trainTokens" | "batchTokens" | "cacheTokens"> {
  const { window = Number.POSITIVE_INFINITY } = config;
  const contextLength = checkInteger(
    who,
    "contextLength",
    options.contextLength ?? Math.min(config.maxPositions, window, 4096),
    {
      min: 2,
      max: Math.min(config.maxPositions, kMaxTokens),
    },
  );
  if (contextLength > window)
    throw argumentError(
      who,
      `contextLength of at most ${window}, the model's sliding window`,
      contextLength,
      "within its window the model attends to everything, beyond it is not supported",
    );
  const trainTokens = options.trainTokens ?? Math.max(contextLength, 2048);
  const cacheTokens = options.cacheTokens ?? Math.max(4 * contextLength, 16_384);
  // A choice may fill two blocks more than its own: the one that its prompt ends in, and the one that it begins in.
  const leastCache = roundUp(contextLength + 2 * kBlock);
  return {
    contextLength,
    trainTokens: checkInteger(who, "trainTokens", trainTokens, { min: contextLength, max: kMaxTokens }),
    batchTokens: checkInteger(who, "batchTokens", options.batchTokens ?? 512, { min: 1, max: kMaxTokens }),
    cacheTokens: roundUp(checkInteger(who, "cacheTokens", cacheTokens, { min: leastCache, max: 2 ** 30 })),
  };
}

function roundUp(tokens: number): number {
  return Math.ceil(tokens / kBlock) * kBlock;
}
