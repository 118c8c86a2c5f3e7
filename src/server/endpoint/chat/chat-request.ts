// A chat completions request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's.
import type { CallRequest } from "../../../types/call-request.js";
import { createFieldReader } from "../field-reader.js";
import { badRequest } from "../request-error.js";
import { toSampling } from "../sampling-fields.js";
import { toTemplate } from "../template-variables.js";
import { chatFields } from "./chat-fields.js";
import { toMessage } from "./chat-message.js";
import { toOutput, toToolChoice } from "./chat-output.js";
import { toTool } from "./chat-tool.js";

/** What of a request decides how its answer is written. */
export interface ChatWire {
  /** A stream has its usage: in a chunk of its own, not at all, or (null) beside its last finish reason. */
  readonly includeUsage: boolean | null;
}

/** @throws RequestError 400 naming the field */
export function parseChatRequest(value: unknown): CallRequest {
  const reader = createFieldReader();
  const body = reader.read(chatFields.body, value, "");
  const streamOptions = reader.read(chatFields.streamOptions, body.stream_options ?? {}, "stream_options");
  if (body.top_logprobs && !body.logprobs)
    throw badRequest("top_logprobs: expected logprobs: true beside it", "top_logprobs");
  const toolChoice = toToolChoice(body.tool_choice);
  const wire: ChatWire = { includeUsage: streamOptions.include_usage ?? null };
  return {
    dialect: "openai.chat.completion",
    model: body.model,
    messages: body.messages.map((message, i) => toMessage(reader, message, `messages.${i}`)),
    tools: toolChoice === "none" ? [] : (body.tools ?? []).map((tool, i) => toTool(tool, `tools.${i}`)),
    toolChoice,
    parallelToolCalls: body.parallel_tool_calls ?? true,
    output: toOutput(body.response_format),
    sampling: {
      ...toSampling(body),
      maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
      stop: body.stop == null ? null : [body.stop].flat(),
    },
    n: body.n ?? 1,
    stream: body.stream ?? false,
    logprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
    tokenIds: body.return_token_ids ?? false,
    template: toTemplate(body.chat_template_kwargs ?? {}),
    ignored: reader.ignored(),
    wire,
  };
}
