// OpenAI's completions: a text, or ids, that goes on.
import { modelApi } from "../../../tracing/model-api.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import type { Dialect } from "../dialect.js";
import { jsonBody } from "../json-body.js";
import { openAiFailure } from "../open-ai-failure.js";
import { completionBody, createCompletionFrames } from "./completion-answer.js";
import { parseCompletionRequest } from "./completion-request.js";

export const completionDialect: Dialect = {
  name: "openai.completion",
  routes: ["POST /v1/completions"],
  idPrefix: "cmpl-",
  fields: {
    ...{ messages: "prompt", tools: "tools", toolChoice: "tool_choice" },
    ...{ output: "response_format", stopTokenIds: "stop_token_ids" },
  },
  matches: (method, path) => method === "POST" && modelApi(path) === "openai.completion",
  parse: (request) => parseCompletionRequest(jsonBody(request)),
  answer: completionBody,
  frames: createCompletionFrames,
  failure: openAiFailure,
  edit: editCompletion,
};

// --- internal ---

/** A text has no place for a system prompt or examples: the model alone can be changed. */
function editCompletion(body: unknown, { model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("prompt" in body) || model === undefined) return body;
  return { ...body, model };
}
