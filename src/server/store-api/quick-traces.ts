// Spans from exporters, the largest part of what a server gets, straight from the socket, without hono's objects around each request.
// Only requests that nothing could refuse before their body is read; all others, and so every refusal, are hono's.
import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "../../base/clock.js";
import { sendBody } from "../http/answer.js";
import { toRefusal } from "../http/api-error.js";
import type { InFlight } from "../http/in-flight.js";
import type { TraceReceiver } from "../otlp/trace-receiver.js";
import type { Access } from "./access.js";
import type { AnsweredRequest, RequestLog } from "./request-log.js";

export interface QuickTracesOptions {
  readonly receive: TraceReceiver;
  readonly access: Access;
  readonly inFlight: InFlight;
  readonly requests: RequestLog;
  readonly maxBodyBytes: number;
  readonly onError: (error: unknown, where: Partial<AnsweredRequest>) => void;
}

/** @returns false, and nothing was done, when the request is not of this kind */
export type QuickTraces = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

export function createQuickTraces(options: QuickTracesOptions): QuickTraces {
  const { receive, access, inFlight, requests, maxBodyBytes, onError } = options;
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const start = performance.now();
    const place = { method: "POST", route: kPath, incoming, outgoing };
    const { status, headers, body } = await inFlight
      .run(() => receive({ incoming, outgoing, inFlight }))
      .catch((error: unknown) => toRefusal(error, (failure) => onError(failure, place)));
    sendBody(outgoing, status, headers, body);
    requests({ ...place, status, seconds: (performance.now() - start) / 1000 });
  };
  return (incoming, outgoing) => {
    if (incoming.url !== kPath || incoming.method !== "POST") return false;
    const length = incoming.headers["content-length"];
    if (length === undefined || Number(length) > maxBodyBytes) return false;
    if (!access.admits({ incoming, outgoing, inFlight }) || inFlight.isFull) return false;
    answer(incoming, outgoing).catch((error: unknown) => onError(error, {}));
    return true;
  };
}

// --- internal ---

const kPath = "/v1/traces";
