// Who may ask: a key in constant time, and without one only this machine's own programs, no web page that a browser on it shows.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { isRolloutKey, type RolloutKeys } from "../../tracing/rollout-keys.js";
import { nameOfRequest } from "../calls/call-name.js";
import { ApiError } from "../http/api-error.js";
import { headerOf, type Received, type SocketRequest } from "../http/request-body.js";
import { isLoopback, type Keys } from "./keys.js";

export interface AccessOptions extends Keys {
  /** Origins of web pages that may ask, "*" for all. */
  readonly corsOrigins: readonly string[];
  /** Keys may come in each way that clients of models send them. */
  readonly takesModelKeys?: boolean;
  /** Rollouts whose own keys open what is theirs. */
  readonly rollouts?: RolloutKeys | undefined;
}

export interface Access {
  /** @throws ApiError 401, 403 */
  readonly check: MiddlewareHandler;
  /** Whether `check` would let a request by that no web page sent, and leave its answer as it is. */
  admits(request: SocketRequest): boolean;
  /** From now on these are the keys. */
  change(keys: Keys): void;
}

export function createAccess({ corsOrigins, rollouts, takesModelKeys, ...given }: AccessOptions): Access {
  let writers: readonly Buffer[] = [];
  let readers: readonly Buffer[] = [];
  const change = ({ keys, readKeys }: Keys) => {
    writers = keys.map(digest);
    readers = readKeys.map(digest);
  };
  change(given);
  const admitsKey = (request: Received, key: string) =>
    writers.length === 0
      ? isLoopback(hostname(headerOf(request, "host") ?? "")) && !(rollouts && isRolloutKey(key))
      : isAmong(writers, digest(key));
  const admits = (request: Received) => admitsKey(request, keyOf(request));
  const isOfRollout = (c: Context): boolean => {
    const name = rollouts && nameOfRequest(c.req.method, c.req.path, c.req.header());
    if (rollouts === undefined || name === undefined) return false;
    // Clients of models have more ways to send a key.
    const key = callKeyOf(c);
    const opening = [rollouts.keyOf(name.rolloutId, name.attemptId), rollouts.callsKey];
    return isAmong(opening.map(digest), digest(key)) || admitsKey(c, key);
  };
  const check: MiddlewareHandler = async (c, next) => {
    const origin = c.req.header("origin");
    if (origin !== undefined) {
      if (!isAllowed(origin, c.req.header("host"), corsOrigins))
        throw new ApiError(403, "Requests of web pages from other origins are not allowed here");
      setHeaders(c, { "access-control-allow-origin": origin, vary: "origin" });
      if (c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined)
        return c.body(null, 204, kPreflight);
    }
    const key = takesModelKeys ? callKeyOf(c) : keyOf(c);
    if (isOfRollout(c) || admitsKey(c, key) || (writers.length > 0 && kOpen.has(c.req.path))) return next();
    if (isAmong(readers, digest(key))) {
      if (c.req.method === "GET" || c.req.method === "HEAD" || kReads.test(c.req.path)) return next();
      throw new ApiError(403, "This key may only read");
    }
    if (writers.length > 0 || (rollouts && isRolloutKey(callKeyOf(c))))
      throw new ApiError(401, "Invalid or missing API key");
    throw new ApiError(403, "Without a key, requests must be addressed to localhost");
  };
  return {
    check,
    admits: (request) => headerOf(request, "origin") === undefined && admits(request),
    change,
  };
}

// --- internal ---

/** Of the answer, however it is sent. */
function setHeaders(c: Context, headers: Readonly<Record<string, string>>): void {
  const outgoing = c.env?.outgoing;
  for (const [name, value] of Object.entries(headers)) {
    if (outgoing === undefined) c.header(name, value);
    else outgoing.setHeader(name, value);
  }
}

const kOpen: ReadonlySet<string> = new Set(["/ready", "/health", "/healthz", "/v1/agl/health"]);
/** Questions too long for an address. */
const kReads =
  /^\/v1\/agl\/(\w+\/search|rollouts\/[^/]+\/attempts\/search|changes\/rollouts|waits\/rollouts)$/;
const kPreflight = {
  "access-control-allow-methods": "GET, POST, PATCH, DELETE",
  "access-control-allow-headers": "authorization, content-type, content-encoding, x-api-key",
  "access-control-max-age": "600",
};

function keyOf(request: Received): string {
  const bearer = /^Bearer +(\S+) *$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  return bearer ?? headerOf(request, "x-api-key") ?? "";
}

/** OpenAI's and Anthropic's ways, Google's, and Azure's. */
function callKeyOf(c: Context): string {
  return keyOf(c) || (c.req.header("x-goog-api-key") ?? c.req.header("api-key") ?? c.req.query("key") ?? "");
}

// All are compared, so that the time does not tell which one it is like.
function isAmong(keys: readonly Buffer[], given: Buffer): boolean {
  let found = false;
  for (const key of keys) found = timingSafeEqual(key, given) || found;
  return found;
}

// Of one length whatever is hashed, as the comparison needs.
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isAllowed(origin: string, host: string | undefined, corsOrigins: readonly string[]): boolean {
  if (corsOrigins.includes("*") || corsOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function hostname(host: string): string {
  return host.replace(/:\d+$/, "");
}
