// What a model call's request and answer say, in the shapes of vLLM's chat and text completions.
import { chatAttributes } from "../../tracing/chat-attributes.js";
import type { AttributeValue } from "../../types/span.js";

/** `data` of an event model_request. */
export interface ModelRequestData {
  readonly model: string;
  readonly model_version: number;
  readonly request: Readonly<Record<string, unknown>>;
  readonly response: unknown;
  readonly server: { readonly model: string; readonly endpoint: string; readonly version: number };
  readonly latency_ms: number;
  readonly http_status: number | null;
  readonly status: "ok" | "error";
  readonly retry_count: number;
  readonly usage: unknown;
  readonly finish_reason: unknown;
}

export interface CallTokens {
  readonly promptIds: readonly number[];
  readonly responseIds: readonly number[];
  readonly logprobs: readonly number[] | null;
}

/**
 * Token ids and log-probabilities of the first choice; what is missing is [] or null. Of a response that is a list, of the pieces of an
 * answer, those of all of them together.
 */
export function tokensOf(response: unknown): CallTokens {
  if (!Array.isArray(response)) return tokensOfOne(response);
  const pieces = response.map(tokensOfOne);
  const said = pieces.filter(({ responseIds }) => responseIds.length > 0);
  const logprobs = said.map((piece) => piece.logprobs);
  return {
    promptIds: pieces.find(({ promptIds }) => promptIds.length > 0)?.promptIds ?? [],
    responseIds: said.flatMap(({ responseIds }) => responseIds),
    logprobs: said.length > 0 && logprobs.every((list) => list !== null) ? logprobs.flat() : null,
  };
}

export function usageOf(response: unknown): unknown {
  return lastOf(response, "usage");
}

export function finishReasonOf(response: unknown): unknown {
  return lastOf(response, "choices", 0, "finish_reason");
}

export function errorOf(response: unknown): unknown {
  return field(response, "error") ?? response;
}

/** The attributes that our adapters read, beside the event itself. */
export function callAttributes({
  request,
  response,
  model,
}: ModelRequestData): Record<string, AttributeValue> {
  const { promptIds, responseIds, logprobs } = tokensOf(response);
  return {
    "gen_ai.request.model": model,
    ...chatAttributes(request, JSON.stringify(response)),
    ...(promptIds.length === 0 ? {} : { prompt_token_ids: promptIds }),
    ...(responseIds.length === 0 ? {} : { response_token_ids: responseIds }),
    ...(logprobs === null ? {} : { "agentlightning.response_logprobs": logprobs }),
  };
}

// --- internal ---

/** Of a list, what the last piece that has it says. */
function lastOf(response: unknown, ...path: (string | number)[]): unknown {
  const pieces: readonly unknown[] = Array.isArray(response) ? response : [response];
  return (
    pieces.map((piece) => field(piece, ...path)).findLast((found) => found !== undefined && found !== null) ??
    null
  );
}

function tokensOfOne(response: unknown): CallTokens {
  const choice = field(response, "choices", 0);
  const promptIds = field(response, "prompt_token_ids") ?? field(choice, "prompt_token_ids");
  const logprobs = field(choice, "logprobs");
  const content = field(logprobs, "content");
  const numbers = Array.isArray(content)
    ? content.map((token) => field(token, "logprob"))
    : field(logprobs, "token_logprobs");
  return {
    promptIds: toNumbers(promptIds) ?? [],
    responseIds: toNumbers(field(choice, "token_ids") ?? field(response, "response_token_ids")) ?? [],
    logprobs: toNumbers(numbers),
  };
}

function field(value: unknown, ...path: (string | number)[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string | number, unknown>)[key];
  }
  return found;
}

/** Also the first of one list a choice. */
function toNumbers(value: unknown): readonly number[] | null {
  if (Array.isArray(value) && Array.isArray(value[0])) return toNumbers(value[0]);
  return Array.isArray(value) && value.every((item) => typeof item === "number") ? value : null;
}
