// A model call between a socket and a handler: the request as handlers take it, the response as sockets send it, and what is refused before.
import type { Context } from "hono";
import { servedHeaders } from "../../tracing/serve.js";
import { takeText } from "../../tracing/whole-response.js";
import type { ModelRequest } from "../../types/model-call.js";
import { failureOf } from "../endpoint/dialects.js";
import { RequestError } from "../endpoint/request-error.js";
import { answerBody } from "../http/answer.js";
import type { Refusal } from "../http/api-error.js";
import type { InFlight } from "../http/in-flight.js";
import { readBytes } from "../http/request-body.js";

/** The body, unpacked; counted while it is here. @throws ApiError 400, 413, 415, 503 */
export function readCall(c: Context, inFlight: InFlight, maxBodyBytes: number): Promise<Buffer> {
  // Beside the socket, where the body is read.
  Object.assign(c.env as object, { inFlight });
  return inFlight.run(() => readBytes(c, maxBodyBytes));
}

/** Without what concerned the way here. */
export function toModelRequest(c: Context, url: string, body: Buffer): Omit<ModelRequest, "signal"> {
  const headers = Object.entries(c.req.header()).filter(([name]) => !kOfConnection.has(name));
  return { method: c.req.method, url, headers: Object.fromEntries(headers), body };
}

export function sendResponse(c: Context, response: Response): Response {
  const text = takeText(response);
  if (text === undefined) return response;
  return answerBody(c, response.status as 200, Object.fromEntries(servedHeaders(response)), text);
}

/** A refusal (a key, a size) in the shape that clients of such a path read. */
export function refusedCall(method: string, path: string, { status, headers, body }: Refusal): Response {
  const { detail } = JSON.parse(body) as { readonly detail: unknown };
  const message = typeof detail === "string" ? detail : JSON.stringify(detail);
  const code = status === 401 ? "invalid_api_key" : null;
  const response = failureOf(method, path, new RequestError(status, message, null, code));
  const retryAfter = headers["retry-after"];
  if (retryAfter === undefined) return response;
  // What may be asked again is told so.
  response.headers.delete("x-should-retry");
  response.headers.set("retry-after", retryAfter);
  return response;
}

// --- internal ---

const kOfConnection: ReadonlySet<string> = new Set(["accept-encoding", "content-encoding", "content-length"]);
