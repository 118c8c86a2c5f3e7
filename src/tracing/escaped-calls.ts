// Model calls of a rollout that do not pass a wrapped dispatcher. Those of undici (a dispatcher that was set or brought along where nobody saw it)
// are taken over before they are sent; those of node:http2, and of node:http where no agent of Node's has them, cannot be: the rollout is told,
// and each kind and host is warned of once.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { currentContext } from "./context.js";
import { warnOfHost } from "./decide-call.js";
import type { DispatchHandler } from "./dispatcher.js";
import { findCall } from "./find-call.js";
import { takeOver } from "./intercept.js";
import { isAside, isCommonPath } from "./model-api.js";
import { isReadableBody } from "./request-body.js";
import { withoutName } from "./rollout-name.js";
import { warnOnce } from "./warn-once.js";
import { isTaken } from "./wrap-agents.js";
import { originalDispatcher, wrapGlobalDispatchers } from "./wrap-dispatchers.js";

/** Listens until the returned function is called. Only calls inside a rollout and outside `unrouted`, and those that name theirs, are looked at. */
export function watchEscapes(): () => void {
  const onHttp = (message: unknown): void => {
    const { request } = message as { request: HttpRequest };
    if (isTaken(request)) return;
    const { method, path, protocol } = request;
    const host = request.getHeader("host") ?? request.host;
    const headers = request.getHeaders();
    report("node:http", { method, path, headers, origin: `${protocol}//${String(host)}` });
  };
  const onUndici = (message: unknown): void => {
    const { request } = message as { request: UndiciRequest };
    if (!catchRequest(request)) report("a dispatcher of its own", request);
  };
  const onHttp2 = (message: unknown): void => {
    const { headers } = message as { headers: Readonly<Record<string, unknown>> };
    const [method, path, host] = [":method", ":path", ":authority"].map((name) => headers[name]);
    const scheme = headers[":scheme"] ?? "https";
    if (typeof path === "string" && typeof host === "string")
      report("node:http2", { method: String(method), path, headers, origin: `${scheme}://${host}` });
  };
  subscribe(kHttp, onHttp);
  subscribe(kHttp2, onHttp2);
  subscribe(kUndici, onUndici);
  return () => {
    unsubscribe(kHttp, onHttp);
    unsubscribe(kHttp2, onHttp2);
    unsubscribe(kUndici, onUndici);
  };
}

// --- internal ---

const kHttp = "http.client.request.start";
/** From Node 24 on. */
const kHttp2 = "http2.client.stream.created";
// Published by every copy of undici when a request is made, before it is sent; also for requests that passed the interceptor: their context is
// not routed any more.
const kUndici = "undici:request:create";

interface EscapedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: unknown;
  readonly origin?: string | URL | null;
}

interface HttpRequest extends Omit<EscapedRequest, "headers"> {
  readonly protocol: string;
  readonly host: string;
  getHeader(name: string): unknown;
  getHeaders(): Readonly<Record<string, unknown>>;
}

/** Undici's own record of a request that waits to be sent. One that is aborted is dropped from the queue without a word. */
interface UndiciRequest extends EscapedRequest {
  readonly body: unknown;
  aborted: boolean;
}

/** @returns false when the request goes its way, as one that must be reported */
function catchRequest(request: UndiciRequest): boolean {
  const { origin, method, path, body } = request;
  const caller = currentContext();
  if (!origin || caller?.isRouted === false) return true;
  const found = findCall({ origin, method, path, headers: request.headers });
  if (found === undefined) return true;
  const client = handlerOf(request);
  const next = originalDispatcher();
  const isServed =
    "refusal" in found || found.context.scope.route(found.sent.host, null) === "serve" || found.by === "name";
  if (client === undefined || next === undefined || !isServed || !isReadableBody(body)) return false;
  wrapGlobalDispatchers();
  request.aborted = true;
  const headers = withoutName(request.headers);
  takeOver({ found, caller, next, options: { origin, method, path, headers, body }, client });
  return true;
}

function handlerOf(request: object): DispatchHandler | undefined {
  const key = Object.getOwnPropertySymbols(request).find(({ description }) => description === "handler");
  const handler: unknown = key && Reflect.get(request, key);
  return typeof handler === "object" && handler !== null ? handler : undefined;
}

function report(client: string, request: EscapedRequest): void {
  const { origin, method, path, headers } = request;
  if (!origin || currentContext()?.isRouted === false) return;
  const found = findCall({ origin, method, path, headers });
  if (found === undefined || "refusal" in found || found.api === undefined) return;
  const { context, by, api, sent, url } = found;
  const { host } = sent;
  const action = by === "name" ? "serve" : context.scope.route(host, null);
  const place = host + url.pathname;
  // The body, which would tell, is not seen here.
  if (action === "ignore" || isAside(api) || (action === "unknown-host" && isCommonPath(api))) return;
  if (action === "unknown-host") {
    context.scope.note?.({ kind: "unknown-host", place, by });
    warnOfHost(host, place);
    return;
  }
  context.scope.note?.({ kind: "unseen", place: `${place} through ${client}`, by });
  warnOnce(
    `${client} ${host}`,
    `a rollout called ${place} through ${client}, which cannot be served or recorded; ` +
      "use a client on the global fetch or on node:http with an agent of Node's, or agl.unrouted(fn) if the provider is meant",
  );
}
