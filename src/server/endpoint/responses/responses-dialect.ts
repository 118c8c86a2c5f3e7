// OpenAI's Responses.
import { modelApi, requestApi } from "../../../tracing/model-api.js";
import type { Dialect } from "../dialect.js";
import { jsonBody } from "../json-body.js";
import { openAiFailure } from "../open-ai-failure.js";
import { rememberedResponse } from "./remembered-response.js";
import { responseBody } from "./response-answer.js";
import { editResponse } from "./response-edit.js";
import { createResponseFrames } from "./response-frames.js";
import { kResponsePrefix } from "./response-memory.js";
import { parseResponseRequest } from "./response-request.js";

export const responsesDialect: Dialect = {
  name: "openai.response",
  routes: ["POST /v1/responses", "GET and DELETE /v1/responses/ID"],
  idPrefix: kResponsePrefix,
  fields: {
    ...{ messages: "input", tools: "tools", toolChoice: "tool_choice" },
    ...{ output: "text.format", stopTokenIds: "stop_token_ids" },
  },
  matches(method, path) {
    const api = requestApi({ method, path });
    return api === "openai.response" || api === "openai.remembered_response";
  },
  respond(request, { memory }) {
    const isAboutOne = modelApi(new URL(request.url).pathname) === "openai.remembered_response";
    return isAboutOne ? Promise.resolve(rememberedResponse(request, memory)) : undefined;
  },
  parse: (request, memory) => parseResponseRequest(jsonBody(request), memory),
  answer: responseBody,
  frames: createResponseFrames,
  failure: openAiFailure,
  edit: editResponse,
};
