// Every field that is known of a call to the gateway: the call options of the AI SDK's language models (versions 3 and 4 of their specification).
import { z } from "zod";
import type { FieldTable } from "../field-table.js";
import { isZero } from "../refusals.js";

const body = {
  served: z.looseObject({
    prompt: z.array(z.unknown()).min(1),
    tools: z.array(z.unknown()).nullish(),
    toolChoice: z.unknown().optional(),
    maxOutputTokens: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    topP: z.number().min(0).max(1).nullish(),
    topK: z
      .int()
      .min(-1)
      .max(2 ** 31 - 1)
      .nullish(),
    stopSequences: z.array(z.string().min(1)).max(16).nullish(),
    responseFormat: z.unknown().optional(),
  }),
  // `seed`: the rollout's decides (Law 6). Options of providers are for providers.
  harmless: ["seed", "headers", "providerOptions", "includeRawChunks", "abortSignal", "metadata"],
  refused: {
    ...{ presencePenalty: isZero, frequencyPenalty: isZero },
    reasoning: {
      neutral: ["provider-default", "none"],
      remedy: "give it as a variable of the chat template",
    },
    messages: { remedy: "use prompt" },
  },
} as const satisfies FieldTable<unknown>;

const message = {
  served: z.looseObject({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.union([z.string(), z.array(z.unknown())], "expected text or a list of parts"),
  }),
  harmless: ["providerOptions"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const textPart = {
  served: z.looseObject({ type: z.enum(["text", "reasoning"]), text: z.string() }),
  harmless: ["providerOptions", "providerMetadata"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const toolCallPart = {
  served: z.looseObject({
    type: z.literal("tool-call"),
    toolCallId: z.string(),
    toolName: z.string(),
    input: z.unknown(),
  }),
  harmless: ["providerOptions", "providerMetadata", "dynamic", "title"],
  refused: { providerExecuted: { neutral: [false] } },
} as const satisfies FieldTable<unknown>;

const toolResultPart = {
  served: z.looseObject({
    type: z.literal("tool-result"),
    toolCallId: z.string(),
    toolName: z.string().nullish(),
    output: z.looseObject({
      type: z.enum(["text", "json", "error-text", "error-json", "content", "execution-denied"]),
      value: z.unknown().optional(),
      reason: z.string().nullish(),
    }),
  }),
  harmless: ["providerOptions", "providerMetadata", "dynamic"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const tool = {
  served: z.looseObject({
    type: z.literal("function", "only tools of type function are served"),
    name: z.string().min(1),
    description: z.string().nullish(),
    inputSchema: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
  harmless: ["providerOptions", "inputExamples", "title"],
  refused: { parameters: { remedy: "use inputSchema" } },
} as const satisfies FieldTable<unknown>;

const toolChoice = {
  served: z.looseObject({
    type: z.enum(["auto", "none", "required", "tool"]),
    toolName: z.string().nullish(),
  }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

const responseFormat = {
  served: z.looseObject({
    type: z.enum(["text", "json"]),
    schema: z.record(z.string(), z.unknown()).nullish(),
    name: z.string().nullish(),
  }),
  harmless: ["description"],
  refused: {},
} as const satisfies FieldTable<unknown>;

export const vercelFields = {
  ...{ body, message, textPart, toolCallPart, toolResultPart, tool, toolChoice, responseFormat },
};
