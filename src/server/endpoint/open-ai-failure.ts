// Errors in OpenAI's shape, so that their client raises the class its users catch.
import { finalFailure } from "../../tracing/whole-response.js";
import type { RequestError } from "./request-error.js";

export function openAiFailure({ status, message, field, code }: RequestError): Response {
  return finalFailure({ error: { message, type: typeOf(status), param: field, code } }, status);
}

/** What an event of a stream says of an error. */
export function openAiStreamError({ status, message }: RequestError) {
  return { message, type: typeOf(status) };
}

// --- internal ---

function typeOf(status: number): "server_error" | "invalid_request_error" {
  return status >= 500 ? "server_error" : "invalid_request_error";
}
