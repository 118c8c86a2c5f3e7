// A chat completions request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's. `seed` is accepted and
// not used: the rollout's seed decides (Law 6), since one seed in an agent's code would make all samples of a group the same.
import { z } from "zod";
import type { ChatMessage, ToolDefinition } from "../types/chat.js";
import { badRequest } from "./open-ai-error.js";

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  readonly n: number;
  readonly stop: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
}

/** @throws OpenAiError 400 naming the field */
export function parseChatRequest(body: unknown): ChatRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const param = issue?.path.join(".") ?? null;
    throw badRequest(`${param || "body"}: ${issue?.message ?? "is wrong"}`, param);
  }
  const from = parsed.data;
  if (from.top_logprobs && !from.logprobs)
    throw badRequest("top_logprobs: expected logprobs: true beside it", "top_logprobs");
  refuseUnsupported(from);
  return {
    model: from.model,
    messages: from.messages as readonly ChatMessage[],
    // "none" means that the model may not call; it is then not told of the tools.
    tools: from.tool_choice === "none" ? [] : ((from.tools ?? []) as readonly ToolDefinition[]),
    temperature: from.temperature ?? null,
    topP: from.top_p ?? null,
    maxTokens: from.max_completion_tokens ?? from.max_tokens ?? null,
    n: from.n ?? 1,
    stop: typeof from.stop === "string" ? [from.stop] : (from.stop ?? []),
    stream: from.stream ?? false,
    includeUsage: from.stream_options?.include_usage ?? false,
    logprobs: from.logprobs ?? false,
    topLogprobs: from.top_logprobs ?? 0,
  };
}

// --- internal ---

const toolCall = z.looseObject({
  id: z.string().optional(),
  type: z.literal("function").optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const textPart = z.looseObject({ type: z.literal("text", "only text parts are served"), text: z.string() });
const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(textPart)]).nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
});
const tool = z.looseObject({
  type: z.literal("function", "only function tools are served"),
  function: z.looseObject({ name: z.string() }),
});
const schema = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: z.unknown().optional(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
});

/** Fields that would change the answer and are not served; their harmless values pass. */
const harmless: Readonly<Record<string, (value: unknown) => boolean>> = {
  response_format: (value) => (value as { type?: unknown }).type === "text",
  tool_choice: (value) => value === "auto" || value === "none",
  frequency_penalty: (value) => value === 0,
  presence_penalty: (value) => value === 0,
  logit_bias: (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
  functions: () => false,
  function_call: () => false,
  audio: () => false,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text",
  web_search_options: () => false,
};

function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  for (const [field, isHarmless] of Object.entries(harmless)) {
    const value = body[field];
    if (value === undefined || value === null || isHarmless(value)) continue;
    throw badRequest(
      `${field} ${JSON.stringify(value)} is not supported by this endpoint`,
      field,
      "unsupported_parameter",
    );
  }
}
