// Every field that is known of a Responses request's body and of its `text`, `reasoning` and `tool_choice`.
import { z } from "zod";
import type { FieldTable, Refusal } from "../field-table.js";
import { isEmpty, isOff, never } from "../refusals.js";
import { samplingFields } from "../sampling-fields.js";

const useMaxTokens: Refusal = { remedy: "use max_output_tokens" };
const useInput: Refusal = { remedy: "use input" };

const body = {
  served: z.looseObject({
    model: z.string(),
    input: z.union([z.string(), z.array(z.unknown())], "expected text or a list of items").nullish(),
    instructions: z.string().nullish(),
    previous_response_id: z.string().nullish(),
    tools: z.array(z.unknown()).nullish(),
    tool_choice: z.unknown().optional(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z.unknown().optional(),
    reasoning: z.unknown().optional(),
    ...samplingFields,
    max_output_tokens: z.int().min(1).nullish(),
    stream: z.boolean().nullish(),
    include: z.array(z.string()).nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    return_token_ids: z.boolean().nullish(),
    chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
    store: z.boolean().nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
    truncation: z.enum(["auto", "disabled"]).nullish(),
  }),
  harmless: [
    ...["seed", "user", "safety_identifier", "service_tier", "priority", "request_id", "cache_salt"],
    ...[
      "prompt_cache_key",
      "prompt_cache_retention",
      "prompt_cache_options",
      "max_tool_calls",
      "stream_options",
    ],
  ],
  refused: {
    ...{ conversation: { remedy: "use previous_response_id, or send the whole input" }, background: isOff },
    ...{ prompt: { remedy: "use instructions and input" }, context_management: isEmpty },
    ...{ messages: useInput, max_tokens: useMaxTokens, max_completion_tokens: useMaxTokens },
    ...{ modalities: { neutral: [["text"]] }, audio: never, moderation: never },
    response_format: { remedy: "use text.format" },
    ...{
      stop: isEmpty,
      n: { neutral: [1] },
      logprobs: { remedy: 'use include: ["message.output_text.logprobs"]' },
    },
    ...{ frequency_penalty: { neutral: [0] }, presence_penalty: { neutral: [0] }, logit_bias: isEmpty },
    repetition_penalty: { neutral: [1] },
  },
} as const satisfies FieldTable<unknown>;

const text = {
  served: z.looseObject({ format: z.unknown().optional() }),
  // A hint to models that know it.
  harmless: ["verbosity"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const reasoning = {
  served: z.looseObject({}),
  // Hints to models that know them; what a chat template knows is a variable of it.
  harmless: ["effort", "summary", "generate_summary", "context"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const format = {
  served: z.looseObject({
    type: z.enum(["text", "json_object", "json_schema"]),
    name: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()).nullish(),
  }),
  harmless: ["strict", "description"],
  refused: { json_schema: { remedy: "use name and schema" } },
} as const satisfies FieldTable<unknown>;

const choice = {
  served: z.looseObject({ type: z.literal("function"), name: z.string().min(1) }),
  harmless: [],
  refused: { function: { remedy: "use name" } },
} as const satisfies FieldTable<unknown>;

const allowed = {
  served: z.looseObject({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(z.looseObject({ type: z.literal("function"), name: z.string() })).min(1),
  }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

const tool = {
  served: z.looseObject({
    type: z.literal("function"),
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
  harmless: ["cache_control", "defer_loading", "output_schema", "allowed_callers"],
  refused: { function: { remedy: "use name and parameters" }, input_schema: { remedy: "use parameters" } },
} as const satisfies FieldTable<unknown>;

export const responseFields = { body, text, reasoning, format, choice, allowed, tool };
