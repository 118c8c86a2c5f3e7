// Model calls of a rollout that do not pass the global dispatcher: those of node:http clients and of fetch with a
// dispatcher of its own. They cannot be served; each kind and host is reported once, as a process warning.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { currentContext } from "./context.js";
import { requestApi } from "./intercept.js";

/**
 * Listens until the returned function is called. Only calls to routed hosts, inside a rollout and outside `unrouted`,
 * are reported: a warning named AgentLightningWarning with code AGL_UNSEEN_CALL.
 * @param reported  what was reported already; grows
 */
export function reportUnseenCalls(reported: Set<string>): () => void {
  const onHttp = (message: unknown): void => {
    const { request } = message as { request: ClientRequestLike };
    const host = request.getHeader("host") ?? request.host;
    report("node:http", { ...pick(request), origin: `${request.protocol}//${String(host)}` });
  };
  const onUndici = (message: unknown): void => {
    const { request } = message as { request: UndiciRequestLike };
    report("a dispatcher of its own", { ...pick(request), origin: request.origin });
  };
  const report = (client: string, call: UndiciRequestLike): void => {
    const host = unseenHost(call);
    const key = `${client} ${host}`;
    if (host === undefined || reported.has(key)) return;
    reported.add(key);
    process.emitWarning(
      `a rollout called ${host}${call.path.split("?", 1)[0]} through ${client}, which cannot be served or recorded; ` +
        "use a client on the global fetch, or agl.unrouted(fn) if the provider is meant",
      { type: "AgentLightningWarning", code: "AGL_UNSEEN_CALL" },
    );
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

function unseenHost(call: UndiciRequestLike): string | undefined {
  const context = currentContext();
  if (context === undefined || !context.isRouted || requestApi(call) === undefined) return undefined;
  const origin = String(call.origin);
  const host = URL.canParse(origin) ? new URL(origin).host : origin;
  return context.scope.route(host, null) === "ignore" ? undefined : host;
}
