// Errors in Anthropic's shape. What a request did wrong is a 400 whatever it was: at a 404 clients blame the model's name.
import { finalFailure } from "../../../tracing/whole-response.js";
import type { RequestError } from "../request-error.js";

export function anthropicFailure(error: RequestError): Response {
  return finalFailure(anthropicError(error), error.status >= 500 ? error.status : 400);
}

export function anthropicError({ status, message, field, code }: RequestError) {
  const type = status >= 500 ? "api_error" : "invalid_request_error";
  // By these words clients know that they must make the conversation shorter.
  const said = code === "context_length_exceeded" ? `prompt is too long: ${message}` : message;
  const details = code === null ? null : { error_code: code };
  return { type: "error", error: { type, message: said, param: field, code, details }, request_id: null };
}
