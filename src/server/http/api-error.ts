// What a request is refused with: a status, a body in 0.3's shape, and the error's code in a header. Clients get no stack and no cause.

import { type ErrorCode, LightningError } from "../../base/error.js";
import { writeSpelled } from "../../base/spelled-integers.js";

/** Names the LightningError's code beside 0.3's body. */
const kErrorHeader = "x-agl-error";

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Thrown anywhere below a route. */
export class ApiError extends Error {
  readonly status: number;
  readonly detail: unknown;
  readonly code: ErrorCode;
  readonly retrySeconds: number | null;

  /**
   * @param detail  a sentence, or pydantic's list of what is wrong with a body
   * @param retrySeconds  nothing was done, and later it may be: when to ask again
   */
  constructor(
    status: number,
    detail: unknown,
    code: ErrorCode = "E_ARGUMENT",
    retrySeconds: number | null = null,
  ) {
    super(typeof detail === "string" ? detail : "the request does not match its schema");
    this.name = "ApiError";
    this.status = status;
    this.detail = detail;
    this.code = code;
    this.retrySeconds = retrySeconds;
  }
}

/** What goes out for an error; one that nobody expected is told to `onError` and not outside. */
export function toRefusal(error: unknown, onError: (error: unknown) => void): Refusal {
  const known = toApiError(error);
  if (known === undefined) onError(error);
  const { status, detail, code, retrySeconds } =
    known ?? new ApiError(500, "Internal server error", "E_INTERNAL");
  const headers: Record<string, string> = { "content-type": "application/json", [kErrorHeader]: code };
  if (retrySeconds !== null) headers["retry-after"] = String(retrySeconds);
  return { status, headers, body: writeSpelled({ detail }) };
}

// --- internal ---

const kStatus: Partial<Record<ErrorCode, number>> = {
  E_ARGUMENT: 400,
  E_NOT_FOUND: 404,
  E_STATE: 409,
  E_CLOSED: 503,
  E_STORE: 503,
};

function toApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (!(error instanceof LightningError)) return undefined;
  const status = kStatus[error.code];
  return status === undefined ? undefined : new ApiError(status, error.message, error.code);
}
