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

/** Token ids and log-probabilities of the first choice; what is missing is [] or null. */
export function tokensOf(response: unknown): CallTokens {
  const choice = field(response, "choices", 0);
  const promptIds = field(response, "prompt_token_ids") ?? field(choice, "prompt_token_ids");
  const logprobs = field(choice, "logprobs");
  const content = field(logprobs, "content");
  const numbers = Array.isArray(content)
    ? content.map((token) => field(token, "logprob"))
    : field(logprobs, "token_logprobs");
  return {
    promptIds: toNumbers(promptIds) ?? [],
    responseIds: toNumbers(field(choice, "token_ids")) ?? [],
    logprobs: toNumbers(numbers),
  };
}

export function usageOf(response: unknown): unknown {
  return field(response, "usage") ?? null;
}

export function finishReasonOf(response: unknown): unknown {
  return field(response, "choices", 0, "finish_reason") ?? null;
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

function field(value: unknown, ...path: (string | number)[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string | number, unknown>)[key];
  }
  return found;
}

function toNumbers(value: unknown): readonly number[] | null {
  return Array.isArray(value) && value.every((item) => typeof item === "number") ? value : null;
}
