// What loadPolicy may be told, by name, with what others call it: transformers, PEFT, unsloth, vLLM, llama.cpp.
import { checkOptions, type Elsewhere, type OptionNames } from "../base/options.js";
import type { LoadPolicyOptions, TestingOptions } from "./load-options.js";

/** @throws E_ARGUMENT for options that are none, and for names that loadPolicy does not know */
export function checkLoadNames(who: string, options: LoadPolicyOptions): void {
  checkOptions(who, options, kNames, kElsewhere);
  if (options.testing !== undefined) checkOptions(`${who}: testing`, options.testing, kTestingNames);
}

// --- internal ---

const kNames: OptionNames<LoadPolicyOptions> = {
  device: ["device_map", "devices", "gpu"],
  memoryFraction: ["gpu_memory_utilization"],
  compute: ["dtype", "torch_dtype", "precision", "bf16"],
  weights: ["quantization", "quantize", "load_in_8bit", "load_in_4bit"],
  threads: ["num_threads", "n_threads"],
  seed: ["random_state", "random_seed"],
  train: ["trainable", "full_finetuning"],
  adapter: ["lora", "peft_config", "lora_config", "adapters", "adapter_path"],
  contextLength: ["max_seq_length", "max_model_len", "max_length", "context", "ctx", "n_ctx", "context_size"],
  trainTokens: ["max_train_tokens"],
  cacheTokens: ["kv_cache_tokens", "num_gpu_blocks"],
  batchTokens: ["max_num_batched_tokens", "n_batch"],
  runningSamples: [],
  template: ["chat_template_kwargs", "template_kwargs", "templateVariables"],
  date: ["date_string", "today"],
  toolCalls: ["tool_call_parser", "tool_parser", "tool_format"],
  testing: [],
};

const kTestingNames: OptionNames<TestingOptions> = { isa: [], poison: [], replicas: [] };

const kInTemplate = "it is a variable of the template, as in template: { enable_thinking: false }";
const kInAdapter = "give it inside adapter, as in adapter: { rank: 16, alpha: 32 }";
const kInAlgorithm = "the algorithm has it, as in agl.grpo({ lr, groupSize })";
const kInSampling = "the trainer has it, as in createTrainer({ sampling: { maxTokens } })";
const kInFolder = "the model's folder has it, leave it out";

const kElsewhere: Elsewhere = {
  rank: kInAdapter,
  r: kInAdapter,
  alpha: kInAdapter,
  lora_alpha: kInAdapter,
  rslora: kInAdapter,
  targets: kInAdapter,
  target_modules: kInAdapter,
  lr: kInAlgorithm,
  learning_rate: kInAlgorithm,
  groupSize: kInAlgorithm,
  temperature: kInSampling,
  maxTokens: kInSampling,
  max_tokens: kInSampling,
  max_new_tokens: kInSampling,
  enable_thinking: kInTemplate,
  thinking: kInTemplate,
  tokenizer: kInFolder,
  chat_template: kInFolder,
  trust_remote_code: "no code of a model's is run, leave it out",
};
