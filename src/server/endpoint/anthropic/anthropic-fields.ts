// Every field of an Anthropic messages request that is known: Anthropic's own, and what clients of other interfaces write in their place.
import { z } from "zod";
import type { FieldTable } from "../field-table.js";
import { isEmpty, isOne, isZero, never } from "../refusals.js";

const body = {
  served: z.looseObject({
    model: z.string().nullish(),
    messages: z.array(z.unknown()).min(1),
    system: z.union([z.string(), z.array(z.unknown())], "expected text or a list of text blocks").nullish(),
    max_tokens: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .nullish(),
    stop_sequences: z.array(z.string().min(1)).max(128).nullish(),
    stream: z.boolean().nullish(),
    tools: z.array(z.unknown()).nullish(),
    tool_choice: z.unknown().optional(),
    output_config: z.unknown().optional(),
    output_format: z.unknown().optional(),
    thinking: z.unknown().optional(),
    thread: z.unknown().optional(),
  }),
  harmless: [
    ...["metadata", "service_tier", "cache_control", "context_management", "inference_geo"],
    ...["speed", "anthropic_version", "anthropic_beta", "betas", "user_profile_id", "workspace_id"],
    ...["fallbacks", "diagnostics"],
  ],
  refused: {
    ...{ container: never, mcp_servers: isEmpty },
    ...{
      max_completion_tokens: { remedy: "use max_tokens" },
      max_output_tokens: { remedy: "use max_tokens" },
    },
    ...{ max_tokens_to_sample: { remedy: "use max_tokens" }, stop: { remedy: "use stop_sequences" } },
    ...{ prompt: { remedy: "use messages" }, input: { remedy: "use messages" } },
    ...{ instructions: { remedy: "use system" }, response_format: { remedy: "use output_config.format" } },
    ...{
      reasoning_effort: { remedy: "use output_config.effort" },
      parallel_tool_calls: { remedy: "use tool_choice.disable_parallel_tool_use" },
    },
    ...{
      n: isOne,
      frequency_penalty: isZero,
      presence_penalty: isZero,
      logit_bias: isEmpty,
      logprobs: { neutral: [false] },
    },
  },
} as const satisfies FieldTable<unknown>;

const message = {
  served: z.looseObject({
    role: z.enum(["user", "assistant", "system"]),
    content: z.union([z.string(), z.array(z.unknown())], "expected text or a list of blocks"),
  }),
  // What stands beside the content of an answer that is sent back whole.
  harmless: [
    ...["id", "type", "model", "stop_reason", "stop_sequence", "stop_details", "usage", "container"],
    ...["cache_control", "context_management", "parsed_output", "diagnostics"],
  ],
  refused: {
    tool_calls: { remedy: "use blocks of type tool_use" },
    tool_call_id: { remedy: "use blocks of type tool_result" },
  },
} as const satisfies FieldTable<unknown>;

const text = {
  served: z.looseObject({ type: z.literal("text"), text: z.string() }),
  harmless: ["cache_control", "citations", "parsed"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const thinking = {
  served: z.looseObject({ type: z.literal("thinking"), thinking: z.string() }),
  // The signature is not looked at: what was thought is compared.
  harmless: ["signature", "cache_control"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const toolUse = {
  served: z.looseObject({
    type: z.literal("tool_use"),
    id: z.string().min(1),
    name: z.string().min(1),
    input: z.record(z.string(), z.unknown()),
  }),
  harmless: ["cache_control", "caller"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const toolResult = {
  served: z.looseObject({
    type: z.literal("tool_result"),
    tool_use_id: z.string().min(1),
    content: z.union([z.string(), z.array(z.unknown())], "expected text or a list of blocks").nullish(),
    is_error: z.boolean().nullish(),
  }),
  harmless: ["cache_control"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const toolReference = {
  served: z.looseObject({ type: z.literal("tool_reference"), tool_name: z.string().min(1) }),
  harmless: ["cache_control"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const tool = {
  served: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    input_schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
    defer_loading: z.boolean().nullish(),
  }),
  harmless: ["type", "cache_control", "eager_input_streaming", "allowed_callers"],
  refused: {
    parameters: { remedy: "use input_schema" },
    function: { remedy: "use name, description and input_schema" },
  },
} as const satisfies FieldTable<unknown>;

const toolChoice = {
  served: z.looseObject({
    type: z.enum(["auto", "any", "tool", "none"]),
    name: z.string().min(1).nullish(),
    disable_parallel_tool_use: z.boolean().nullish(),
  }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

const outputConfig = {
  // How much effort is no matter of a request: it is named among what is ignored.
  served: z.looseObject({
    format: z.unknown().optional(),
    effort: z.unknown().optional(),
    task_budget: z.unknown().optional(),
  }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

const outputFormat = {
  served: z.looseObject({
    type: z.literal("json_schema", "only json_schema is served"),
    schema: z.record(z.string(), z.unknown()),
  }),
  harmless: ["name"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const thinkingConfig = {
  served: z.looseObject({
    type: z.enum(["enabled", "adaptive", "disabled"]),
    budget_tokens: z.int().min(0).nullish(),
  }),
  harmless: ["display", "block_binding"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const thread = {
  served: z.looseObject({ type: z.enum(["create", "continue"]), previous_message_id: z.string().nullish() }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

export const anthropicFields = {
  ...{ body, message, text, thinking, toolUse, toolResult, toolReference },
  ...{ tool, toolChoice, outputConfig, outputFormat, thinkingConfig, thread },
};
