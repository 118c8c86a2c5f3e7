// Everything a store server answers: one hono application, and beside it the quick way of the one request that matters most.
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { routePath } from "hono/route";
import { performance } from "../../base/clock.js";
import type { LightningStore } from "../../store/store.js";
import type { StoreStatistics } from "../../store/store-records.js";
import { withLiveSpans } from "../calls/live-spans.js";
import { refuseCall } from "../calls/refuse-call.js";
import { createRolloutCalls, type ServedRollouts } from "../calls/rollout-calls.js";
import { type GatewayOptions, gatewayRoutes } from "../gateway/routes.js";
import { toRefusal } from "../http/api-error.js";
import type { InFlight } from "../http/in-flight.js";
import { tooLarge } from "../http/request-body.js";
import { otlpRoutes } from "../otlp/routes.js";
import { createTraceReceiver } from "../otlp/trace-receiver.js";
import { type AccessOptions, createAccess } from "./access.js";
import type { Keys } from "./keys.js";
import type { Log } from "./log-record.js";
import type { LongPolls } from "./long-polls.js";
import { meterStore } from "./metered-store.js";
import { createMetrics } from "./metrics.js";
import { toOpenApi } from "./open-api.js";
import { queueRoutes } from "./queue-routes.js";
import { createQuickTraces, type QuickTraces } from "./quick-traces.js";
import { createReadiness } from "./readiness.js";
import { type AnsweredRequest, createRequestLog, placeOf } from "./request-log.js";
import { resourceRoutes, workerRoutes } from "./resource-routes.js";
import { rolloutRoutes } from "./rollout-routes.js";
import { mountRoute } from "./route.js";
import { spanRoutes } from "./span-routes.js";
import { createListTurns } from "./streamed-page.js";

export interface StoreAppOptions extends AccessOptions {
  readonly store: LightningStore;
  readonly polls: LongPolls;
  readonly inFlight: InFlight;
  readonly maxBodyBytes: number;
  /** Told of errors that are nobody's fault outside; clients get a 500 without details. */
  readonly onError: (error: unknown) => void;
  readonly log: Log;
  /** Whether the log has every request. */
  readonly accessLog: boolean;
  readonly gateway: GatewayOptions;
  /** Whose model calls, and what is told of them, go to this process. */
  readonly rollouts?: ServedRollouts | undefined;
  /** More routes over the same store, mounted at the root. */
  readonly mounts: readonly ((store: LightningStore) => Hono)[];
}

export interface StoreApp {
  readonly app: Hono;
  /** To be asked before the application. */
  readonly quickTraces: QuickTraces;
  /** From now on these are the keys. */
  changeKeys(keys: Keys): void;
}

export function createStoreApp(options: StoreAppOptions): StoreApp {
  const { polls, inFlight, maxBodyBytes, log } = options;
  const onError = (error: unknown, where: Partial<AnsweredRequest> = {}) => {
    options.onError(error);
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log({ level: "error", message, ...placeOf(where) });
  };
  const metrics = createMetrics();
  const requests = createRequestLog(metrics, log, options.accessLog);
  const readiness = createReadiness(options.store, onError, () =>
    log({ level: "info", message: "the store works again" }),
  );
  const { rollouts } = options;
  const kept = rollouts === undefined ? options.store : withLiveSpans(options.store, rollouts);
  const store = meterStore(kept, metrics, onError, readiness.note);
  const app = new Hono();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    requests({ ...requestOf(c), status: statusOf(c), seconds: (performance.now() - start) / 1000 });
  });
  app.onError((error, c) => {
    const refusal = toRefusal(error, (failure) => onError(failure, requestOf(c)));
    const { body, ...init } = refusal;
    // In the middle of a list, which was cut off.
    if (isSent(c)) return RESPONSE_ALREADY_SENT;
    return (rollouts && refuseCall(c, refusal)) ?? new Response(body, init);
  });
  app.notFound((c) => c.json({ detail: "Not Found" }, 404));
  const access = createAccess(options);
  app.use((c, next) => {
    if (Number(c.req.header("content-length") ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
    return access.check(c, next);
  });
  app.use((c, next) => {
    if (kUncounted.test(c.req.path)) return next();
    // Beside the socket, where the body is read.
    Object.assign(c.env as object, { inFlight });
    return inFlight.run(next);
  });

  const turns = createListTurns();
  const routes = [
    ...queueRoutes(store, polls),
    ...rolloutRoutes(store, turns),
    ...spanRoutes(store, turns),
    ...resourceRoutes(store, turns),
    ...workerRoutes(store, turns),
  ];
  for (const route of routes) mountRoute(app, kBase, route, maxBodyBytes);
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", async (c) => {
    const reason = await readiness.check();
    if (reason === null) return c.json({ status: "ok" });
    return c.json({ detail: `Not ready: ${reason}` }, 503, { "retry-after": "1" });
  });
  for (const path of ["/metrics", "/v1/prometheus", "/v1/prometheus/"])
    app.get(path, async (c) => {
      const reason = await readiness.check();
      const statistics = reason === null ? await store.statistics() : null;
      const gauges = toGauges(statistics, inFlight);
      return c.body(metrics.expose(gauges), 200, { "content-type": kPrometheus });
    });
  app.get("/openapi.json", (c) => c.json(toOpenApi(routes, kBase)));
  const receive = createTraceReceiver(store, { maxBodyBytes });
  app.route("/", otlpRoutes(receive));
  const answerHere = rollouts && createRolloutCalls({ rollouts, inFlight, maxBodyBytes });
  app.route("/", gatewayRoutes(store, { maxBodyBytes, ...options.gateway }, answerHere));
  for (const mount of options.mounts) app.route("/", mount(store));
  const quickTraces = createQuickTraces({ receive, access, inFlight, requests, maxBodyBytes, onError });
  return { app, quickTraces, changeKeys: access.change };
}

// --- internal ---

const kBase = "/v1/agl";
/** The beginnings of what is mounted besides. */
const kKnown =
  /^\/(v1\/traces|v1\/metrics|v1\/logs|metrics|v1\/prometheus|openapi\.json|health|ready|api|proxy|rollout)(?![^/])/;
/** What watches the server, and calls that wait for a model's server. */
const kUncounted = /^\/((v1\/agl\/)?health|healthz|ready|metrics|v1\/prometheus|proxy|rollout)(?![^/])/;
const kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
const kMethods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);

/** @param statistics  null: the store does not work */
function toGauges(statistics: StoreStatistics | null, inFlight: InFlight): Readonly<Record<string, number>> {
  const state = { agl_store_ready: statistics === null ? 0 : 1, agl_http_in_flight: inFlight.count };
  if (statistics === null) return state;
  const { uptimeSeconds, name: _name, ...counts } = statistics;
  const kept = Object.entries(counts).map(([kind, count]) => [`agl_store_${kind}`, count]);
  return { ...state, agl_store_uptime_seconds: uptimeSeconds, ...Object.fromEntries(kept) };
}

/** Named by its route, so that no client can make up series. */
function requestOf(c: Context) {
  const { path, method } = c.req;
  const route = path.startsWith(`${kBase}/`) ? routePath(c, -1) : (path.match(kKnown)?.[0] ?? "other");
  const { incoming, outgoing } = (c.env ?? {}) as Pick<AnsweredRequest, "incoming" | "outgoing">;
  return { method: methodOf(method), route, incoming, outgoing };
}

function isSent(c: Context): boolean {
  return c.env?.outgoing?.headersSent ?? false;
}

// An answer sent past hono leaves its status with the socket.
function statusOf(c: Context): number {
  const outgoing = c.env?.outgoing;
  return outgoing?.headersSent ? outgoing.statusCode : c.res.status;
}

function methodOf(method: string): string {
  return kMethods.has(method) ? method : "other";
}
