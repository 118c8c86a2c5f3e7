// Errors in Anthropic's shape. What a call did wrong is a 400 whatever it was: at a 404 clients blame the model's name. What a server refuses before it
// looks at the call keeps its status.
import { finalFailure } from "../../../tracing/whole-response.js";
import type { RequestError } from "../request-error.js";

export function anthropicFailure(error: RequestError): Response {
  const { status } = error;
  return finalFailure(anthropicError(error), status >= 500 || status in kTypes ? status : 400);
}

export function anthropicError({ status, message, field, code }: RequestError) {
  const type = kTypes[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
  // By these words clients know that they must make the conversation shorter.
  const said = code === "context_length_exceeded" ? `prompt is too long: ${message}` : message;
  const details = code === null ? null : { error_code: code };
  return { type: "error", error: { type, message: said, param: field, code, details }, request_id: null };
}

// --- internal ---

const kTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  413: "request_too_large",
  429: "rate_limit_error",
};
