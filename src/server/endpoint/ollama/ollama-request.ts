// Requests of Ollama's /api/chat and /api/generate, checked.
import type { z } from "zod";
import type { AskedOutput, AskedSampling, CallRequest } from "../../../types/call-request.js";
import { toTool } from "../chat/chat-tool.js";
import { createFieldReader, type FieldReader } from "../field-reader.js";
import { badRequest } from "../request-error.js";
import { ollamaFields } from "./ollama-fields.js";
import { toMessages } from "./ollama-messages.js";

/** @throws RequestError 400 naming the field */
export function parseOllamaChat(value: unknown): CallRequest {
  const reader = createFieldReader();
  const body = reader.read(ollamaFields.chat, value, "");
  return {
    ...commonOf(reader, body),
    dialect: "ollama.chat",
    messages: toMessages(reader, body.messages),
    tools: (body.tools ?? []).map((tool, i) => toTool(tool, `tools.${i}`)),
    ignored: reader.ignored(),
  };
}

/** @throws RequestError 400 naming the field */
export function parseOllamaGenerate(value: unknown): CallRequest {
  const reader = createFieldReader();
  const body = reader.read(ollamaFields.generate, value, "");
  const { system, prompt, raw } = body;
  if (raw && system)
    throw badRequest("system: expected none beside raw: true; put it into the prompt", "system");
  const messages = [
    ...(system ? [{ role: "system", content: system }] : []),
    { role: "user", content: prompt },
  ];
  return {
    ...commonOf(reader, body),
    dialect: "ollama.generate",
    ...(raw ? { prompt, messages: [] } : { messages }),
    tools: [],
    ignored: reader.ignored(),
  };
}

// --- internal ---

type Body = Pick<
  z.infer<typeof ollamaFields.chat.served>,
  "model" | "stream" | "format" | "options" | "think" | "logprobs" | "top_logprobs"
>;

function commonOf(
  reader: FieldReader,
  body: Body,
): Omit<CallRequest, "dialect" | "messages" | "tools" | "ignored"> {
  if (body.top_logprobs && !body.logprobs)
    throw badRequest("top_logprobs: expected logprobs: true beside it", "top_logprobs");
  return {
    model: body.model,
    toolChoice: "auto",
    parallelToolCalls: true,
    output: toOutput(body.format),
    sampling: toSampling(reader, body.options ?? {}),
    n: 1,
    // Unlike every other wire, this one streams unless told not to.
    stream: body.stream ?? true,
    logprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
    tokenIds: false,
    template: toTemplate(body.think),
    wire: null,
  };
}

function toOutput(format: Body["format"]): AskedOutput {
  if (format === undefined || format === null || format === "") return { kind: "text" };
  if (format === "json") return { kind: "json" };
  if (typeof format === "object") return { kind: "schema", name: "format", schema: format };
  throw badRequest(`format: expected "json" or a JSON schema, got ${JSON.stringify(format)}`, "format");
}

function toSampling(reader: FieldReader, options: unknown): AskedSampling {
  const { temperature, num_predict, top_k, top_p, min_p, stop } = reader.read(
    ollamaFields.options,
    options,
    "options",
  );
  if (num_predict === 0)
    throw badRequest("options.num_predict: expected at least one token, got 0", "options.num_predict");
  return {
    temperature: temperature ?? null,
    topP: top_p ?? null,
    topK: top_k == null ? null : Math.max(top_k, 0),
    minP: min_p ?? null,
    maxTokens: num_predict == null || num_predict < 0 ? null : num_predict,
    stop: stop == null ? null : [stop].flat(),
    stopTokenIds: null,
  };
}

/** As the templates of thinking models name it. */
function toTemplate(think: Body["think"]): CallRequest["template"] {
  if (think === undefined || think === null) return {};
  if (typeof think === "boolean") return { enable_thinking: think };
  return { enable_thinking: true, reasoning_effort: think };
}
