// A completions request, checked. Its prompt is what the model reads, as it is.
import type { CallRequest } from "../../../types/call-request.js";
import { chatFields } from "../chat/chat-fields.js";
import { toOutput } from "../chat/chat-output.js";
import { createFieldReader } from "../field-reader.js";
import { badRequest } from "../request-error.js";
import { toSampling } from "../sampling-fields.js";
import { completionFields } from "./completion-fields.js";

/** What of a request decides how its answer is written. */
export interface CompletionWire {
  /** A stream ends with its usage. */
  readonly includeUsage: boolean;
}

/** @throws RequestError 400 naming the field */
export function parseCompletionRequest(value: unknown): CallRequest {
  const reader = createFieldReader();
  const body = reader.read(completionFields, value, "");
  const streamOptions = reader.read(chatFields.streamOptions, body.stream_options ?? {}, "stream_options");
  const wire: CompletionWire = { includeUsage: streamOptions.include_usage ?? false };
  return {
    ...{ dialect: "openai.completion", model: body.model, messages: [], prompt: toPrompt(body.prompt) },
    ...{ tools: [], toolChoice: "auto", parallelToolCalls: true, output: toOutput(body.response_format) },
    sampling: {
      ...toSampling(body),
      maxTokens: body.max_tokens ?? kMaxTokens,
      stop: body.stop == null ? null : [body.stop].flat(),
    },
    n: body.n ?? 1,
    stream: body.stream ?? false,
    logprobs: body.logprobs ?? null,
    tokenIds: body.return_token_ids ?? false,
    template: {},
    ignored: reader.ignored(),
    wire,
  };
}

// --- internal ---

/** As OpenAI's and vLLM's completions end where a request does not say. */
const kMaxTokens = 16;

type WirePrompt = string | readonly (string | number | readonly number[])[];

function toPrompt(asked: WirePrompt): string | readonly number[] {
  const prompt = onlyPrompt(asked);
  if (prompt.length > 0) return prompt;
  throw badRequest("prompt: expected at least one token, got an empty prompt", "prompt");
}

function onlyPrompt(prompt: WirePrompt): string | readonly number[] {
  if (typeof prompt === "string") return prompt;
  if (prompt.every((item) => typeof item === "number")) return prompt;
  const [only] = prompt;
  if (prompt.length > 1 || only === undefined || typeof only === "number")
    throw badRequest(
      `prompt: expected one prompt a call, got a list of ${prompt.length}; send a call for each`,
      "prompt",
      "unsupported_parameter",
    );
  return only;
}
