// Model calls of a rollout that do not pass a wrapped dispatcher: those of node:http clients and of fetch with a
// dispatcher of its own. They cannot be served; the rollout is told of each, and each kind and host is warned of once.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { currentContext } from "./context.js";
import { requestApi } from "./model-api.js";
import { warnOnce } from "./warn-once.js";

/** Listens until the returned function is called. Only calls to routed hosts, inside a rollout and outside `unrouted`, are reported. */
export function reportUnseenCalls(): () => void {
  const onHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequestLike };
    const host = request.getHeader("host") ?? request.host;
    report("node:http", { ...pick(request), origin: `${request.protocol}//${String(host)}` });
  };
  const onUndici = (message: unknown): void => {
    const { request } = message as { request: UndiciRequestLike };
    report("a dispatcher of its own", { ...pick(request), origin: request.origin });
  };
  subscribe(kHttp, onHttp);
  subscribe(kUndici, onUndici);
  return () => {
    unsubscribe(kHttp, onHttp);
    unsubscribe(kUndici, onUndici);
  };
}

// --- internal ---

const kHttp = "http.client.request.start";
// Also published for requests that passed the interceptor; their context is not routed any more.
const kUndici = "undici:request:create";

interface UndiciRequestLike {
  readonly method: string;
  readonly path: string;
  readonly origin?: unknown;
}

interface ClientRequestLike extends UndiciRequestLike {
  readonly protocol: string;
  readonly host: string;
  getHeader(name: string): unknown;
}

function pick({ method, path }: UndiciRequestLike): { method: string; path: string } {
  return { method, path };
}

function report(client: string, call: UndiciRequestLike): void {
  const context = currentContext();
  const api = requestApi(call);
  if (!context?.isRouted || api === undefined || call.origin === undefined) return;
  const origin = String(call.origin);
  const host = URL.canParse(origin) ? new URL(origin).host : origin;
  const action = context.scope.route(host, null);
  const place = `${host}${call.path.split("?", 1)[0]}`;
  // Ollama's paths are many a web application's, and the body is not seen here.
  const isDoubtful = action === "unknown-host" && (api === "ollama.chat" || api === "ollama.generate");
  if (action === "ignore" || isDoubtful) return;
  context.scope.note?.({ kind: "unseen", place: `${place} through ${client}`, by: "context" });
  warnOnce(
    `${client} ${host}`,
    `a rollout called ${place} through ${client}, which cannot be served or recorded; ` +
      "use a client on the global fetch, or agl.unrouted(fn) if the provider is meant",
  );
}
