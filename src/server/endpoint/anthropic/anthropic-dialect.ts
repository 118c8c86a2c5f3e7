// Anthropic's messages, its own and those of Claude at Google, and the counting of their tokens.
import { modelApi } from "../../../tracing/model-api.js";
import type { CallRequest } from "../../../types/call-request.js";
import type { ModelRequest } from "../../../types/model-call.js";
import type { Dialect, Means } from "../dialect.js";
import { notServed } from "../field-table.js";
import { createMessageFrames, messageBody } from "./anthropic-answer.js";
import { editMessages } from "./anthropic-edit.js";
import { anthropicFailure } from "./anthropic-failure.js";
import { parseAnthropicRequest } from "./anthropic-request.js";

export const anthropicDialect: Dialect = {
  name: "anthropic.message",
  routes: ["POST /v1/messages", "POST /v1/messages/count_tokens"],
  idPrefix: "msg_",
  fields: {
    ...{ messages: "messages", tools: "tools", toolChoice: "tool_choice" },
    // A request has no ids of its own.
    ...{ output: "output_config.format", stopTokenIds: "stop_sequences" },
  },
  matches: (method, path) => method === "POST" && kApis.has(modelApi(path)),
  respond: (request, means) => (isCountOf(request) ? count(request, means) : undefined),
  parse: (request, memory) => withoutPrefill(parseAnthropicRequest(request, memory)),
  answer: messageBody,
  frames: createMessageFrames,
  failure: anthropicFailure,
  edit: editMessages,
};

// --- internal ---

const kApis: ReadonlySet<unknown> = new Set(["anthropic.message", "anthropic.count_tokens"]);

function isCountOf({ url }: ModelRequest): boolean {
  return modelApi(new URL(url).pathname) === "anthropic.count_tokens";
}

/** A conversation that ends with an assistant's words asks for their continuation; one whose tokens are counted asks for nothing. */
function withoutPrefill(request: CallRequest): CallRequest {
  if (request.messages.at(-1)?.role !== "assistant") return request;
  throw notServed(
    "messages",
    "assistant at the end",
    "end with a user's message: an answer that is begun is not continued",
  );
}

async function count(request: ModelRequest, means: Means): Promise<unknown> {
  return { input_tokens: await means.countTokens(parseAnthropicRequest(request, means.memory)) };
}
