// A call that is answered by nobody: an HTTP 400 that SDKs raise at once, not a failed fetch, which they retry for minutes.
import type { ModelApi } from "./model-api.js";

export interface Refusal {
  readonly code: "rollout_over" | "rollout_unknown" | "not_forwarded";
  readonly message: string;
}

/** In OpenAI's shape, or in that of the interface that was asked where it has another. */
export function refusalResponse({ code, message }: Refusal, api: ModelApi | undefined): Response {
  const error = { message, type: "invalid_request_error", param: null, code };
  const body = api === "anthropic.message" ? { type: "error", error } : { error };
  return Response.json(body, { status: 400, headers: { "x-should-retry": "false" } });
}
