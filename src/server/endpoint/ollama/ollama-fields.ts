// Every field that is known of Ollama's requests, their options and messages.
import { z } from "zod";
import type { FieldTable, Refusal } from "../field-table.js";
import { isEmpty, isOff, isOne, isZero } from "../refusals.js";

const noImages: Refusal = { neutral: [[]], remedy: "only text is served" };

const common = {
  model: z.string(),
  stream: z.boolean().nullish(),
  format: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  options: z.unknown().optional(),
  think: z.union([z.boolean(), z.string()]).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
};
const harmless = ["keep_alive", "truncate", "shift", "_debug_render_only"] as const;

const chat = {
  served: z.looseObject({
    ...common,
    messages: z.array(z.unknown()).min(1),
    tools: z.array(z.unknown()).nullish(),
  }),
  harmless,
  refused: {
    prompt: { remedy: "use messages, or POST /api/generate" },
    system: { neutral: [""], remedy: "use messages" },
    images: noImages,
    template: { neutral: [""], remedy: "put it into the model's folder as chat_template.jinja" },
  },
} as const satisfies FieldTable<unknown>;

const generate = {
  served: z.looseObject({
    ...common,
    prompt: z.string().min(1, "expected a text"),
    system: z.string().nullish(),
    raw: z.boolean().nullish(),
  }),
  harmless,
  refused: {
    images: noImages,
    suffix: { neutral: [""], remedy: "put it into the prompt" },
    template: { neutral: [""], remedy: "put it into the model's folder as chat_template.jinja" },
    context: { neutral: [[]], remedy: "use POST /api/chat with the messages before" },
    messages: { remedy: "use POST /api/chat" },
    tools: { neutral: [[]], remedy: "use POST /api/chat" },
    ...{ width: isZero, height: isZero, steps: isZero },
  },
} as const satisfies FieldTable<unknown>;

const options = {
  served: z.looseObject({
    temperature: z.number().min(0).max(2).nullish(),
    // -1 and -2: as much as there is room for.
    num_predict: z.int().min(-2).nullish(),
    top_k: z
      .int()
      .min(-1)
      .max(2 ** 31 - 1)
      .nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    min_p: z.number().min(0).max(1).nullish(),
    stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  }),
  // `seed`: the rollout's decides (Law 6). The others say where and how the server computes.
  harmless: [
    ...["seed", "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "numa", "use_mmap"],
    ...["use_mlock", "low_vram", "f16_kv", "vocab_only", "logits_all", "repeat_last_n", "mirostat_tau"],
    ...["mirostat_eta", "embedding_only", "draft_num_predict"],
  ],
  refused: {
    ...{ repeat_penalty: isOne, presence_penalty: isZero, frequency_penalty: isZero, mirostat: isZero },
    ...{ tfs_z: isOne, typical_p: isOne, penalize_newline: isOff },
  },
} as const satisfies FieldTable<unknown>;

const message = {
  served: z.looseObject({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string().nullish(),
    thinking: z.string().nullish(),
    tool_calls: z.array(z.unknown()).nullish(),
    tool_name: z.string().nullish(),
    tool_call_id: z.string().nullish(),
  }),
  harmless: ["name"],
  refused: { images: noImages, parts: { remedy: "use content" } },
} as const satisfies FieldTable<unknown>;

const toolCall = {
  served: z.looseObject({
    id: z.string().nullish(),
    function: z.looseObject({
      name: z.string(),
      arguments: z.record(z.string(), z.unknown()),
    }),
  }),
  harmless: ["type"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const calledFunction = {
  served: z.looseObject({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()),
  }),
  harmless: ["index", "description"],
  refused: { parameters: isEmpty },
} as const satisfies FieldTable<unknown>;

export const ollamaFields = { chat, generate, options, message, toolCall, calledFunction };
