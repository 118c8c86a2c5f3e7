// What is wrong with a call, before any dialect says it in its own shape.
import { LightningError } from "../../base/error.js";

export class RequestError extends Error {
  readonly status: number;
  /** A word for programs, `context_length_exceeded`; null: none but the status. */
  readonly code: string | null;
  /** The field on the wire, `messages.0.content`; null: the request as a whole. */
  readonly field: string | null;

  constructor(status: number, message: string, field: string | null = null, code: string | null = null) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** A 400 that names what was wrong with which field. */
export function badRequest(message: string, field: string | null, code: string | null = null): RequestError {
  return new RequestError(400, message, field, code);
}

/** Bad arguments and calls that are too large are the request's fault, everything else is the server's. */
export function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isRequests =
    error instanceof LightningError && (error.code === "E_ARGUMENT" || error.code === "E_MEMORY");
  return isRequests ? badRequest(message, null) : new RequestError(500, message);
}
