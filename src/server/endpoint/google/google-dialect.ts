// Google's generateContent, of the Gemini API and of Vertex, streamed or not, and the counting of its tokens.
import { modelApi } from "../../../tracing/model-api.js";
import type { CallRequest } from "../../../types/call-request.js";
import type { ModelRequest } from "../../../types/model-call.js";
import type { Dialect, Means } from "../dialect.js";
import { notServed } from "../field-table.js";
import { jsonBody } from "../json-body.js";
import { createGoogleFrames, generatedBody } from "./google-answer.js";
import { editContents } from "./google-edit.js";
import { googleFailure } from "./google-failure.js";
import { unsnake } from "./google-names.js";
import { parseGoogleRequest, readGoogleRequest } from "./google-request.js";

export const googleDialect: Dialect = {
  name: "google.generate_content",
  routes: ["generateContent", "streamGenerateContent", "countTokens"].map(
    (method) => `POST /v1beta/models/{model}:${method}`,
  ),
  idPrefix: "resp_",
  fields: {
    ...{ messages: "contents", tools: "tools", toolChoice: "toolConfig.functionCallingConfig.mode" },
    // A request has no ids of its own.
    ...{ output: "generationConfig.responseMimeType", stopTokenIds: "generationConfig.stopSequences" },
  },
  matches: (method, path) => method === "POST" && kApis.has(modelApi(path)),
  respond: (request, means) => (isCountOf(request) ? count(request, means) : undefined),
  parse: (request) => withoutPrefill(parseGoogleRequest(request)),
  answer: generatedBody,
  frames: createGoogleFrames,
  failure: googleFailure,
  edit: editContents,
};

// --- internal ---

const kApis: ReadonlySet<unknown> = new Set(["google.generate_content", "google.count_tokens"]);

function isCountOf({ url }: ModelRequest): boolean {
  return modelApi(new URL(url).pathname) === "google.count_tokens";
}

/** Of `contents`, or of the request for a generation that would be made. */
async function count(request: ModelRequest, means: Means): Promise<unknown> {
  const body = unsnake(jsonBody(request));
  const whole: unknown = Object(body).generateContentRequest;
  const totalTokens = await means.countTokens(readGoogleRequest(request, whole ?? body));
  return { totalTokens, promptTokensDetails: [{ modality: "TEXT", tokenCount: totalTokens }] };
}

/** A conversation that ends with the model's words asks for their continuation; one whose tokens are counted asks for nothing. */
function withoutPrefill(request: CallRequest): CallRequest {
  if (request.messages.at(-1)?.role !== "assistant") return request;
  throw notServed(
    "contents",
    "model at the end",
    "end with a content of the user: an answer that is begun is not continued",
  );
}
