// What a server refuses of a model call before the policy sees it (a key, a size), in the shape that the call's clients read.
import type { Context } from "hono";
import { failureOf } from "../endpoint/dialects.js";
import { RequestError } from "../endpoint/request-error.js";
import type { Refusal } from "../http/api-error.js";
import { nameOfRequest } from "./call-name.js";

/** @returns undefined for a request that is no model call */
export function refuseCall(c: Context, { status, headers, body }: Refusal): Response | undefined {
  const path = nameOfRequest(c.req.method, c.req.path, c.req.header())?.path;
  if (path === undefined || path === null) return undefined;
  const { detail } = JSON.parse(body) as { readonly detail: unknown };
  const message = typeof detail === "string" ? detail : JSON.stringify(detail);
  const code = status === 401 ? "invalid_api_key" : null;
  const response = failureOf(c.req.method, path, new RequestError(status, message, null, code));
  const retryAfter = headers["retry-after"];
  if (retryAfter === undefined) return response;
  // What clients may ask again they are told so.
  response.headers.delete("x-should-retry");
  response.headers.set("retry-after", retryAfter);
  return response;
}
