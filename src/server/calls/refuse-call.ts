// Which refusals of a store's server are of model calls, whose clients read another shape.
import type { Context } from "hono";
import type { Refusal } from "../http/api-error.js";
import { nameOfRequest } from "./call-name.js";
import { refusedCall } from "./carry.js";

/** @returns undefined for a request that is no model call */
export function refuseCall(c: Context, refusal: Refusal): Response | undefined {
  const path = nameOfRequest(c.req.method, c.req.path, c.req.header())?.path;
  return path === undefined || path === null ? undefined : refusedCall(c.req.method, path, refusal);
}
