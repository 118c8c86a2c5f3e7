// Every field that is known of messages, their parts and calls, and of tools.
import { z } from "zod";
import type { FieldTable, Refusal } from "../field-table.js";
import { isEmpty, isOff, never } from "../refusals.js";

const useTools: Refusal = { remedy: "use tools" };

const message = {
  served: z.looseObject({
    role: z.enum(["system", "developer", "user", "assistant", "tool"]),
    content: z.union([z.string(), z.array(z.unknown())], "expected text or a list of text parts").nullish(),
    name: z.string().nullish(),
    tool_calls: z.array(z.unknown()).nullish(),
    tool_call_id: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
  }),
  // What clients keep of an answer beside its text, and marks for caches.
  harmless: [
    ...[
      "id",
      "index",
      "parsed",
      "annotations",
      "created_at",
      "timestamp",
      "finish_reason",
      "cache_control",
      "weight",
    ],
    ...["provider_specific_fields", "response_metadata", "usage_metadata"],
  ],
  refused: {
    ...{
      refusal: isEmpty,
      audio: never,
      images: isEmpty,
      files: isEmpty,
      attachments: isEmpty,
      function_call: useTools,
    },
    ...{
      reasoning_details: isEmpty,
      thinking_blocks: isEmpty,
      thinking: { neutral: [""], remedy: "use reasoning_content" },
    },
    ...{
      prefix: isOff,
      partial: isOff,
      parts: { remedy: "use content" },
      text: { remedy: "use content" },
      tool_plan: never,
    },
  },
} as const satisfies FieldTable<unknown>;

const textPart = {
  served: z.looseObject({ type: z.literal("text"), text: z.string() }),
  harmless: ["cache_control", "annotations", "id", "provider_specific_fields"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const toolCall = {
  served: z.looseObject({
    id: z.string().nullish(),
    type: z.literal("function", "only calls of functions are served").nullish(),
    function: z.looseObject({ name: z.string(), arguments: z.string() }),
  }),
  harmless: ["index", "extra_content", "provider_specific_fields", "status"],
  refused: { custom: never },
} as const satisfies FieldTable<unknown>;

const calledFunction = {
  served: z.looseObject({ name: z.string(), arguments: z.string() }),
  harmless: ["parsed_arguments", "parsed", "output"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const tool = {
  served: z.looseObject({
    type: z.literal("function", "only function tools are served"),
    function: z.looseObject({ name: z.string() }),
  }),
  harmless: ["cache_control", "defer_loading", "eager_input_streaming", "provider_specific_fields"],
  refused: { input_schema: { remedy: "use function.parameters" } },
} as const satisfies FieldTable<unknown>;

const toolFunction = {
  served: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
  harmless: ["cache_control"],
  refused: { input_schema: { remedy: "use parameters" } },
} as const satisfies FieldTable<unknown>;

export const messageFields = { message, textPart, toolCall, calledFunction, tool, toolFunction };
