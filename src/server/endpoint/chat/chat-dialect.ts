// OpenAI's chat completions.
import { modelApi } from "../../../tracing/model-api.js";
import type { Dialect } from "../dialect.js";
import { jsonBody } from "../json-body.js";
import { openAiFailure } from "../open-ai-failure.js";
import { completionBody } from "./chat-answer.js";
import { editChat } from "./chat-edit.js";
import { createChatFrames } from "./chat-frames.js";
import { parseChatRequest } from "./chat-request.js";

export const chatDialect: Dialect = {
  name: "openai.chat.completion",
  routes: ["POST /v1/chat/completions"],
  idPrefix: "chatcmpl-",
  fields: {
    ...{ messages: "messages", tools: "tools", toolChoice: "tool_choice" },
    ...{ output: "response_format", stopTokenIds: "stop_token_ids" },
  },
  matches: (method, path) => method === "POST" && modelApi(path) === "openai.chat.completion",
  parse: (request) => parseChatRequest(jsonBody(request)),
  answer: completionBody,
  frames: createChatFrames,
  failure: openAiFailure,
  edit: editChat,
};
