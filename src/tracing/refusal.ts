// A call that is answered by nobody: an HTTP 400 that SDKs raise at once, not a failed fetch, which they retry for minutes.

import type { ModelApi } from "./model-api.js";
import { finalFailure } from "./whole-response.js";

export interface Refusal {
  readonly code: "rollout_over" | "rollout_unknown" | "not_forwarded";
  readonly message: string;
}

/** In OpenAI's shape, or in that of the interface that was asked where it has another. */
export function refusalResponse({ code, message }: Refusal, api: ModelApi | undefined): Response {
  return finalFailure(bodyOf(message, code, api ?? ""), 400);
}

// --- internal ---

function bodyOf(message: string, code: Refusal["code"], api: string): object {
  if (api.startsWith("google.")) return { error: { code: 400, message, status: "FAILED_PRECONDITION" } };
  if (api.startsWith("ollama.")) return { error: message };
  const error = { message, type: "invalid_request_error", param: null, code };
  return api.startsWith("anthropic.") ? { type: "error", error } : { error };
}
