// What became of each request: counted and timed in the metrics, and told to the log. An access log has all of them; refusals are told
// without one too, but of each reason no more than one in a while, so that whoever tries keys cannot fill a disk.
import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "../../base/clock.js";
import type { Log, LogLevel, LogRecord } from "./log-record.js";
import type { Metrics } from "./metrics.js";

export interface AnsweredRequest {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** Beside a socket. */
  readonly incoming?: IncomingMessage | undefined;
  readonly outgoing?: ServerResponse | undefined;
}

export type RequestLog = (request: AnsweredRequest) => void;

export function createRequestLog(metrics: Metrics, log: Log, hasAccessLog: boolean): RequestLog {
  const told = new Map<string, { at: number; more: number }>();
  const refuse = (request: AnsweredRequest, { reason, level, words }: Refused) => {
    metrics.count("agl_http_refused", { reason });
    const now = performance.now();
    const last = told.get(reason);
    if (last !== undefined && now - last.at < kQuietMs) {
      last.more++;
      return;
    }
    told.set(reason, { at: now, more: 0 });
    const more = last?.more ?? 0;
    log({ level, message: `refused: ${words}`, ...placeOf(request), ...(more === 0 ? {} : { more }) });
  };
  return (request) => {
    const { method, route, status, seconds } = request;
    metrics.observe("agl_http", { method, path: route, status: String(status) }, seconds);
    if (hasAccessLog)
      log({ level: "info", message: "request", ...placeOf(request), durationMs: seconds * 1000 });
    const refused = refusalOf(status);
    if (refused !== null) refuse(request, refused);
  };
}

/** Where it happened, for a record. */
export function placeOf({ method, route, status, incoming, outgoing }: Partial<AnsweredRequest>) {
  const requestId = outgoing?.getHeader("x-request-id");
  const rolloutId = rolloutOf(incoming?.url ?? "");
  const remote = incoming?.socket.remoteAddress;
  return {
    ...(typeof requestId === "string" ? { requestId } : {}),
    ...(method === undefined ? {} : { method }),
    ...(route === undefined ? {} : { route }),
    ...(status === undefined ? {} : { status }),
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(remote === undefined ? {} : { remote }),
  } satisfies Partial<LogRecord>;
}

// --- internal ---

const kQuietMs = 10_000;

interface Refused {
  readonly reason: string;
  readonly level: LogLevel;
  readonly words: string;
}

const kRefused: Readonly<Record<number, Refused>> = {
  401: { reason: "key", level: "warn", words: "a missing or wrong key" },
  403: { reason: "forbidden", level: "warn", words: "a key that may only read, or a foreign page or name" },
  413: { reason: "too_large", level: "warn", words: "a body that is too large" },
  429: { reason: "unavailable", level: "warn", words: "too much at once, or the store fails" },
  503: { reason: "unavailable", level: "warn", words: "too much at once, or the store fails" },
};
const kWrong: Refused = { reason: "request", level: "info", words: "a request that cannot be followed" };
/** The client is gone, and nobody was refused. */
const kGone = 499;

function refusalOf(status: number): Refused | null {
  if (status < 400 || status === kGone) return null;
  return kRefused[status] ?? (status < 500 ? kWrong : null);
}

/** As the address has it. */
function rolloutOf(url: string): string | undefined {
  const found =
    /^\/(?:v1\/agl\/rollouts|v1\/agl\/queues\/rollouts|api\/rollouts|proxy\/rollout)\/([^/?#]+)/.exec(
      url,
    )?.[1] ?? /[?&]rollout_id=([^&#]+)/.exec(url)?.[1];
  return found === undefined || kWords.has(found) ? undefined : found.slice(0, 100);
}

const kWords: ReadonlySet<string> = new Set(["search", "enqueue", "dequeue", "terminal"]);
