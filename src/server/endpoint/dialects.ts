// The dialects that the policy speaks, in the order in which they are asked whether a request is theirs.
import { anthropicDialect } from "./anthropic/anthropic-dialect.js";
import { chatDialect } from "./chat/chat-dialect.js";
import { completionDialect } from "./completions/completion-dialect.js";
import type { Dialect } from "./dialect.js";
import { googleDialect } from "./google/google-dialect.js";
import { ollamaChatDialect, ollamaGenerateDialect } from "./ollama/ollama-dialects.js";
import { RequestError } from "./request-error.js";
import { responsesDialect } from "./responses/responses-dialect.js";
import { vercelDialect } from "./vercel/vercel-dialect.js";

export const kDialects: readonly Dialect[] = [
  ...[chatDialect, responsesDialect, completionDialect, anthropicDialect, googleDialect],
  ...[ollamaChatDialect, ollamaGenerateDialect, vercelDialect],
];

/** undefined: nobody's. The query is not looked at. */
export function dialectOf(method: string, path: string): Dialect | undefined {
  const bare = path.split("?", 1)[0] ?? "";
  return kDialects.find((dialect) => dialect.matches(method.toUpperCase(), bare));
}

/** Of a request that is nobody's, in the shape that the clients of such paths read. */
export function unknownRoute(method: string, path: string): Response {
  const served = kDialects.flatMap(({ routes }) => routes).join(", ");
  const message = `${method} ${path} is not served by the policy; it serves ${served}`;
  return failureOf(method, path, new RequestError(404, message, null, "unsupported_route"));
}

/** In the shape that the clients of such a path read. */
export function failureOf(method: string, path: string, error: RequestError): Response {
  const near = dialectOf(method, path) ?? kNeighbours.find(([paths]) => paths.test(path))?.[1] ?? chatDialect;
  return near.failure(error);
}

// --- internal ---

/** Whose clients ask for other things under such paths. */
const kNeighbours: readonly (readonly [RegExp, Dialect])[] = [
  [/\/v1\/messages(?:\/|$)/, anthropicDialect],
  [/\/(?:models|tunedModels|endpoints)\/[^/:]+:\w+\/?$/, googleDialect],
  [/\/api\/[^/]+\/?$/, ollamaChatDialect],
];
