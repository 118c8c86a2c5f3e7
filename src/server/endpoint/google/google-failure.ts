// Errors in Google's shape.
import { finalFailure } from "../../../tracing/whole-response.js";
import type { RequestError } from "../request-error.js";

export function googleFailure(error: RequestError): Response {
  return finalFailure(googleError(error), error.status);
}

export function googleError({ status, message, field, code }: RequestError) {
  const violation = { "@type": "type.googleapis.com/google.rpc.BadRequest" };
  const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", domain: "agentlightning" };
  const details = [
    ...(code === null ? [] : [{ ...info, reason: code }]),
    ...(field === null ? [] : [{ ...violation, fieldViolations: [{ field, description: message }] }]),
  ];
  const name = kStatuses[status] ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT");
  return { error: { code: status, message, status: name, ...(details.length > 0 ? { details } : {}) } };
}

// --- internal ---

const kStatuses: Readonly<Record<number, string>> = {
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
