// Errors in OpenAI's shape, so that their client raises the class its users catch.
import { jsonResponse } from "../../tracing/whole-response.js";
import type { RequestError } from "./request-error.js";

export function openAiFailure(error: RequestError): Response {
  return jsonResponse(openAiErrorBody(error), {
    status: error.status,
    // The client's retries would repeat a request that can only fail the same way.
    headers: { "x-should-retry": "false" },
  });
}

export function openAiErrorBody({ status, message, field, code }: RequestError) {
  return { error: { message, type: openAiErrorType(status), param: field, code } };
}

export function openAiErrorType(status: number): "server_error" | "invalid_request_error" {
  return status >= 500 ? "server_error" : "invalid_request_error";
}
