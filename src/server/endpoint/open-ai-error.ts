// Errors in OpenAI's shape, so that their client raises the class its users catch.

export class OpenAiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly errorCode: string | null;

  constructor(status: number, message: string, param: string | null = null, errorCode: string | null = null) {
    super(message);
    this.name = "OpenAiError";
    this.status = status;
    this.param = param;
    this.errorCode = errorCode;
  }
}

/** A 400 that names what was wrong with which field. */
export function badRequest(
  message: string,
  param: string | null,
  errorCode: string | null = null,
): OpenAiError {
  return new OpenAiError(400, message, param, errorCode);
}

export function errorResponse(error: OpenAiError): Response {
  const type = error.status >= 500 ? "server_error" : "invalid_request_error";
  return Response.json(
    { error: { message: error.message, type, param: error.param, code: error.errorCode } },
    // The client's retries would repeat a request that can only fail the same way.
    { status: error.status, headers: { "x-should-retry": "false" } },
  );
}
