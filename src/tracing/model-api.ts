// Which requests are model calls, by their paths, and which model they name.
import type { DialectName } from "../types/call-request.js";

/**
 * The interfaces that are model calls, by the end of the path, a slash behind it or not. Everything else (files, embeddings, lists) passes. Those
 * that the policy does not speak are known too: at a routed host they are refused by name, at another they are warned of.
 */
export type ModelApi =
  | DialectName
  | "openai.remembered_response"
  | "anthropic.count_tokens"
  | "google.count_tokens"
  | "bedrock.invoke"
  | "cohere.chat"
  | "cloudflare.run"
  | "dashscope.generation";

/** Which interface a POST to this path uses; undefined: none, no model call. The query is not looked at. */
export function modelApi(path: string): ModelApi | undefined {
  const bare = path.split("?", 1)[0] ?? "";
  return kPaths.find(([pattern]) => pattern.test(bare))?.[1];
}

/** The interface of a request that looks like a model call; undefined for all others. */
export function requestApi(request: {
  readonly method: string;
  readonly path: string;
}): ModelApi | undefined {
  const api = modelApi(request.path);
  return api === "openai.remembered_response" || request.method.toUpperCase() === "POST" ? api : undefined;
}

/** Whether it only counts the tokens of a prompt or asks for an earlier answer: nothing is generated, so nothing is recorded and nothing is warned of. */
export function isAside(api: ModelApi | undefined): boolean {
  return (
    api === "anthropic.count_tokens" || api === "google.count_tokens" || api === "openai.remembered_response"
  );
}

/** Whether many a web application has such a path too: then only a request that names a model looks like a model call. */
export function isCommonPath(api: ModelApi | undefined): boolean {
  return api === "ollama.chat" || api === "ollama.generate" || api === "cohere.chat";
}

/** The model's name in a request: from the body's `model`, else from the path (Azure, Google and its Vertex, Bedrock); null: not known. */
export function requestedModel(path: string, body: unknown): string | null {
  if (typeof body === "object" && body !== null && "model" in body && typeof body.model === "string")
    return body.model;
  const name = /\/(?:deployments|models?|tunedModels|endpoints)\/([^/:?]+)[/:]/.exec(path)?.[1];
  return name === undefined ? null : decodeName(name);
}

// --- internal ---

const kPaths: readonly (readonly [RegExp, ModelApi])[] = [
  [/\/chat\/completions\/?$/, "openai.chat.completion"],
  [/\/completions\/?$/, "openai.completion"],
  [/\/responses\/?$/, "openai.response"],
  // Of our own: another's is the provider's to answer.
  [/\/responses\/resp_agl_[^/]+(?:\/[^/]+)?\/?$/, "openai.remembered_response"],
  [/\/v1\/messages\/?$/, "anthropic.message"],
  [/\/v1\/messages\/count_tokens\/?$/, "anthropic.count_tokens"],
  [/\/(?:models|tunedModels|endpoints)\/[^/:]+:(?:g|streamG)enerateContent\/?$/, "google.generate_content"],
  [/\/(?:models|tunedModels|endpoints)\/[^/:]+:countTokens\/?$/, "google.count_tokens"],
  [/\/v\d+\/ai\/language-model\/?$/, "vercel.language_model"],
  // Claude at Google.
  [/\/models\/count-tokens:rawPredict\/?$/, "anthropic.count_tokens"],
  [/\/models\/[^/:]+:(?:r|streamR)awPredict\/?$/, "anthropic.message"],
  [/\/api\/chat\/?$/, "ollama.chat"],
  [/\/api\/generate\/?$/, "ollama.generate"],
  [/\/model\/[^/]+\/(?:invoke|invoke-with-response-stream|converse|converse-stream)$/, "bedrock.invoke"],
  [/\/v[12]\/chat\/?$/, "cohere.chat"],
  [/\/ai\/run\/@/, "cloudflare.run"],
  [/\/services\/aigc\/[^/]+\/generation\/?$/, "dashscope.generation"],
];

/** As it is written when it is no percent-encoding: the handler or the provider will say what is wrong. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
