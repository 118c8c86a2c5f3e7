// Every field of a chat completions request that is known: OpenAI's own and what vLLM, SGLang, llama.cpp, Ollama and the routers add to them.
import { z } from "zod";
import type { FieldTable, Refusal } from "../field-table.js";
import { isEmpty, isOff, isOn, isOne, isZero, never } from "../refusals.js";
import { samplingFields } from "../sampling-fields.js";

const asTemplateVariable =
  'give it as a variable of the chat template, as in chat_template_kwargs: { "enable_thinking": false }';
const useMaxTokens: Refusal = { remedy: "use max_tokens" };
const useTools: Refusal = { remedy: "use tools" };
const useMessages: Refusal = { remedy: "use messages" };
const useResponseFormat: Refusal = { remedy: "use response_format with a JSON schema" };

const body = {
  served: z.looseObject({
    model: z.string(),
    messages: z.array(z.unknown()).min(1),
    tools: z.array(z.unknown()).nullish(),
    tool_choice: z.unknown().optional(),
    parallel_tool_calls: z.boolean().nullish(),
    ...samplingFields,
    max_tokens: z.int().min(1).nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    n: z.int().min(1).max(128).nullish(),
    stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.unknown().optional(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    response_format: z.unknown().optional(),
    return_token_ids: z.boolean().nullish(),
    chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  }),
  // `seed`: the rollout's decides (Law 6), since one seed in an agent's code would make all samples of a group the same.
  harmless: [
    ...[
      "seed",
      "random_seed",
      "user",
      "metadata",
      "store",
      "service_tier",
      "safety_identifier",
      "prediction",
    ],
    ...[
      "prompt_cache_key",
      "prompt_cache_retention",
      "prompt_cache_options",
      "cache_prompt",
      "cache_salt",
      "cache_control",
    ],
    ...[
      "priority",
      "request_id",
      "keep_alive",
      "id_slot",
      "timings_per_token",
      "return_progress",
      "session_id",
      "trace",
    ],
    ...["models", "route", "provider", "usage"],
    ...["spaces_between_special_tokens", "mm_processor_kwargs", "safe_prompt"],
  ],
  refused: {
    ...{ audio: never, modalities: { neutral: [["text"]] }, web_search_options: never, moderation: never },
    functions: { neutral: [[]], ...useTools },
    function_call: { neutral: ["none", "auto"], ...useTools },
    ...{
      frequency_penalty: isZero,
      presence_penalty: isZero,
      repetition_penalty: isOne,
      repeat_penalty: isOne,
    },
    ...{ length_penalty: isOne, logit_bias: isEmpty, bad_words: isEmpty, allowed_token_ids: never },
    ...{
      best_of: isOne,
      use_beam_search: isOff,
      early_stopping: isOff,
      min_tokens: isZero,
      min_new_tokens: isZero,
    },
    reasoning_effort: { neutral: ["medium"], remedy: asTemplateVariable },
    verbosity: { neutral: ["medium"], remedy: "ask for it in the messages" },
    ...{ reasoning: { neutral: [{}], remedy: asTemplateVariable }, thinking: { remedy: asTemplateVariable } },
    ...{ enable_thinking: { remedy: asTemplateVariable }, think: { remedy: asTemplateVariable } },
    ...{ thinking_budget: { remedy: "use max_tokens" }, thinking_token_budget: { remedy: "use max_tokens" } },
    ...{ include_reasoning: isOn, separate_reasoning: isOn, stream_reasoning: isOn },
    ...{
      reasoning_format: { neutral: ["parsed", "deepseek", "auto"] },
      reasoning_split: isOn,
      thinking_forced_open: isOff,
    },
    ...{
      max_output_tokens: useMaxTokens,
      max_new_tokens: useMaxTokens,
      max_tokens_to_sample: useMaxTokens,
      n_predict: useMaxTokens,
    },
    ...{ num_predict: useMaxTokens, max_gen_len: useMaxTokens, max_length: useMaxTokens },
    ...{ stop_sequences: { remedy: "use stop" }, stop_regex: never, no_stop_trim: isOff, ignore_eos: isOff },
    ...{
      include_stop_str_in_output: isOff,
      skip_special_tokens: isOff,
      top_a: isZero,
      typical_p: isOne,
      tfs_z: isOne,
    },
    ...{
      mirostat: isZero,
      dry_multiplier: isZero,
      xtc_probability: isZero,
      dynatemp_range: isZero,
      samplers: never,
    },
    ...{
      echo: isOff,
      suffix: isEmpty,
      prompt: useMessages,
      input: useMessages,
      instructions: useMessages,
      system: useMessages,
    },
    ...{
      previous_response_id: useMessages,
      conversation: useMessages,
      truncation: { neutral: ["disabled"] },
    },
    ...{
      text: never,
      include: isEmpty,
      background: isOff,
      truncate_prompt_tokens: never,
      prompt_logprobs: never,
    },
    add_generation_prompt: { neutral: [true] },
    ...{ continue_final_message: isOff, add_special_tokens: isOff, documents: isEmpty },
    chat_template: { remedy: "put it into the model's folder as chat_template.jinja" },
    ...{
      guided_json: useResponseFormat,
      guided_regex: useResponseFormat,
      guided_choice: useResponseFormat,
      guided_grammar: useResponseFormat,
    },
    ...{
      guided_decoding_backend: never,
      guided_whitespace_pattern: never,
      structured_outputs: useResponseFormat,
      structural_tag: useResponseFormat,
    },
    ...{
      json_schema: useResponseFormat,
      grammar: useResponseFormat,
      ebnf: useResponseFormat,
      regex: useResponseFormat,
      format: useResponseFormat,
    },
    ...{
      logits_processors: isEmpty,
      custom_logit_processor: never,
      vllm_xargs: isEmpty,
      kv_transfer_params: never,
    },
    ...{
      return_tokens_as_token_ids: isOff,
      return_hidden_states: isOff,
      n_probs: isZero,
    },
    ...{
      lora_path: never,
      session_params: never,
      options: { neutral: [{}], remedy: "give its entries as fields of the request" },
    },
    ...{ transforms: isEmpty, plugins: isEmpty },
    ...{
      enable_search: isOff,
      search_options: never,
      extra_body: { neutral: [{}], remedy: "give its entries as fields of the request" },
    },
  },
} as const satisfies FieldTable<unknown>;

const streamOptions = {
  served: z.looseObject({ include_usage: z.boolean().nullish() }),
  harmless: ["include_obfuscation"],
  refused: { continuous_usage_stats: isOff },
} as const satisfies FieldTable<unknown>;

export const chatFields = { body, streamOptions };
