// A name for each request, in its answer, so that a client's log and a server's can be laid side by side.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** The client's own `x-request-id` where it is a plain word, else a new one. */
export function nameRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const given = incoming.headers["x-request-id"];
  outgoing.setHeader("x-request-id", typeof given === "string" && kPlain.test(given) ? given : randomUUID());
}

// --- internal ---

const kPlain = /^[\w.:-]{1,128}$/;
