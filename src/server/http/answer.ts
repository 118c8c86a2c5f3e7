// Answers, straight to the socket where there is one: a web Response costs a third of a small request.

import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { writeSpelled } from "../../base/spelled-integers.js";

export function answerJson(c: Context, status: ContentfulStatusCode, value: unknown): Response {
  return answerBody(c, status, { "content-type": "application/json" }, writeSpelled(value ?? null));
}

export function answerBody(
  c: Context,
  status: ContentfulStatusCode,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array<ArrayBuffer>,
): Response {
  const outgoing = c.env?.outgoing as ServerResponse | undefined;
  if (outgoing === undefined) return c.body(body, status, headers);
  sendBody(outgoing, status, headers, body);
  return RESPONSE_ALREADY_SENT;
}

export function sendBody(
  outgoing: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  outgoing.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  // Nothing, not even an empty piece: one would cost a second buffer in the write.
  if (body.length === 0) outgoing.end();
  else outgoing.end(body);
}
