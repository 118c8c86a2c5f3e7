// A store served over HTTP to runners, trainers, dashboards and programs in other languages.
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { argumentError, checkBoolean, checkFunction, checkInteger, checkText } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import { warn } from "../../base/warning.js";
import type { LightningStore } from "../../store/store.js";
import type { ServedRollouts } from "../calls/rollout-calls.js";
import type { GatewayOptions } from "../gateway/routes.js";
import { createInFlight, kMaxInFlight } from "../http/in-flight.js";
import { nameRequest } from "../http/request-id.js";
import { toKeys } from "./keys.js";
import { listen } from "./listening.js";
import type { LogRecord } from "./log-record.js";
import { createLongPolls } from "./long-polls.js";
import { checkRetentionOptions, keepRetention, type RetentionOptions } from "./retention-timer.js";
import { createStoreApp } from "./store-app.js";

export interface ServeOptions {
  /** Stays open when the server closes. */
  readonly store: LightningStore;
  /** Default 4747; 0: any that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. Any address that other machines reach needs a key. */
  readonly host?: string;
  /** What clients send as `Authorization: Bearer KEY` or `x-api-key`: one key, or several. */
  readonly key?: string | readonly string[];
  /** Keys of those who may only read, beside `key`. */
  readonly readKeys?: readonly string[];
  /** Web pages that may ask, as "https://host"; default none but the server's own. */
  readonly corsOrigins?: readonly string[];
  /** Default 32 MiB, before and after decompression. */
  readonly maxBodyBytes?: number;
  /** Of all bodies together that are arriving or worked on; further ones are answered 503 with Retry-After. Default 8 x maxBodyBytes. */
  readonly maxBodiesBytes?: number;
  /** A request must have arrived within this time; default 30 s. */
  readonly requestTimeoutMs?: number;
  /**
   * Requests worked on at once; further ones are answered 503 with Retry-After, which clients of ours follow. Those that wait for a
   * rollout or its end, whose bodies are still arriving, and calls that go on to a model, do not count. Default 1,024.
   */
  readonly maxInFlight?: number;
  /** A client that wants to wait longer asks again; default 25 s. */
  readonly maxWaitMs?: number;
  /** Told of errors behind a 500; default a process warning, unless `onLog` is told. */
  readonly onError?: (error: unknown) => void;
  /** Told what an operator wants to know: what fails and works again, and of refusals one of each kind in ten seconds. */
  readonly onLog?: (record: LogRecord) => void;
  /** `onLog` is told of every request; default false. */
  readonly accessLog?: boolean;
  /** Of Agent Lightning 1.0's gateway: which model its proxy asks, and how. */
  readonly gateway?: GatewayOptions;
  /** Which rollouts that have ended are forgotten; default none. */
  readonly retention?: RetentionOptions;
  /** More routes over the same store. */
  readonly mounts?: readonly ((store: LightningStore) => Hono)[];
}

export interface StoreServer extends AsyncDisposable {
  /** As in http://127.0.0.1:4747, for openStore. */
  readonly url: string;
  readonly port: number;
  /** From now on these are the keys, as in the options; who uses another is refused. @throws E_ARGUMENT, and then they stay what they were */
  setKeys(keys: Pick<ServeOptions, "key" | "readKeys">): void;
  /** Takes no more requests, ends waits with what there is, and resolves when all is answered. Once more does nothing. */
  close(): Promise<void>;
}

/** @throws E_ARGUMENT for an option out of its range, and for an address beyond this machine without a key; E_STORE when the address cannot be listened on */
export function serve(options: ServeOptions): Promise<StoreServer> {
  return serveRollouts(options, undefined);
}

/** The same, which also takes the model calls of rollouts that run in this process. @throws as serve */
export async function serveRollouts(
  options: ServeOptions,
  rollouts: ServedRollouts | undefined,
): Promise<StoreServer> {
  checkServeOptions(options);
  const { host = "127.0.0.1", port = 4747, maxWaitMs = 25_000, requestTimeoutMs = 30_000 } = options;
  checkInteger("serve", "port", port, { min: 0, max: 65535 });
  checkInteger("serve", "maxWaitMs", maxWaitMs, { min: 0 });
  checkInteger("serve", "requestTimeoutMs", requestTimeoutMs, { min: 1 });
  const { maxBodyBytes = 32 * 2 ** 20, maxInFlight = kMaxInFlight } = options;
  checkInteger("serve", "maxBodyBytes", maxBodyBytes, { min: 1 });
  const { maxBodiesBytes = 8 * maxBodyBytes } = options;
  checkInteger("serve", "maxBodiesBytes", maxBodiesBytes, { min: maxBodyBytes });
  checkInteger("serve", "maxInFlight", maxInFlight, { min: 1 });
  const onError = options.onError ?? (options.onLog === undefined ? warnOfFailure : () => undefined);
  const inFlight = createInFlight(maxInFlight, maxBodiesBytes);
  const polls = createLongPolls(maxWaitMs, inFlight);
  const { app, quickTraces, changeKeys } = createStoreApp({
    store: options.store,
    polls,
    inFlight,
    ...{ ...toKeys(host, options), rollouts },
    maxBodyBytes,
    corsOrigins: options.corsOrigins ?? [],
    onError,
    log: options.onLog ?? (() => undefined),
    accessLog: options.accessLog ?? false,
    gateway: options.gateway ?? {},
    mounts: options.mounts ?? [],
  });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const listening = await listen(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(requestTimeoutMs, 10_000),
      connectionsCheckingInterval: Math.min(requestTimeoutMs, 1000),
      // Longer than clients keep a connection, so that they and not the server end it.
      keepAliveTimeout: 65_000,
      noDelay: true,
    },
    host,
    port,
    (incoming, outgoing) => {
      nameRequest(incoming, outgoing);
      return quickTraces(incoming, outgoing) || listener(incoming, outgoing);
    },
  );
  let closing: Promise<void> | undefined;
  const endRetention = options.retention && keepRetention(options.store, options.retention, onError);
  const close = () => {
    polls.close();
    closing ??= Promise.all([listening.close(), endRetention?.()]).then(() => undefined);
    return closing;
  };
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${listening.port}`;
  return {
    ...{ url, port: listening.port, close, [Symbol.asyncDispose]: close },
    setKeys: (keys) => changeKeys(toKeys(host, keys)),
  };
}

// --- internal ---

const kNames: OptionNames<ServeOptions> = {
  store: ["storage"],
  port: [],
  host: ["hostname", "address", "bind", "listen"],
  key: ["api_key", "token", "password"],
  readKeys: ["read_key", "readKey", "readonly_keys"],
  corsOrigins: ["cors", "cors_origin", "cors_allow_origins", "origins"],
  maxBodyBytes: ["body_limit", "max_body_size"],
  maxBodiesBytes: ["max_bodies_size"],
  requestTimeoutMs: ["timeout", "request_timeout"],
  maxInFlight: ["max_concurrency", "concurrency"],
  maxWaitMs: ["max_wait"],
  onError: ["on_error", "error_handler"],
  onLog: ["on_log", "log", "logger"],
  accessLog: ["access_log"],
  gateway: ["proxy"],
  retention: ["prune", "ttl", "expire"],
  mounts: ["routes", "apps"],
};
const kRetentionNames: OptionNames<RetentionOptions> = {
  olderThanSeconds: ["max_age", "older_than", "ttl"],
  keep: ["max_rollouts", "limit"],
  everyMs: ["interval", "interval_ms"],
};
const kGatewayNames: OptionNames<GatewayOptions> = {
  modelName: ["model"],
  includeLogProbs: ["logprobs", "include_log_probs"],
  trainTemperature: ["temperature"],
  valTemperature: ["validation_temperature"],
  timeoutMs: ["timeout"],
  maxTries: ["retries", "max_retries"],
  retryDelayMs: ["retry_delay", "backoff"],
  maxAnswerBytes: ["max_response_bytes"],
  maxInflight: ["max_in_flight", "concurrency"],
  maxBodyBytes: ["body_limit"],
};

function checkServeOptions(options: ServeOptions): void {
  checkOptions("serve", options, kNames);
  if (typeof options.store?.startRollout !== "function")
    throw argumentError(
      "serve",
      "store to be what openStore resolves to",
      options.store,
      "await agl.openStore(url)",
    );
  if (options.host !== undefined) checkText("serve", "host to be an address", options.host);
  const { corsOrigins = [], mounts = [], gateway, retention } = options;
  if (!Array.isArray(corsOrigins) || corsOrigins.some((origin) => typeof origin !== "string"))
    throw argumentError("serve", 'corsOrigins to be a list of origins, as in ["https://host"]', corsOrigins);
  if (!Array.isArray(mounts) || mounts.some((mount) => typeof mount !== "function"))
    throw argumentError("serve", "mounts to be a list of functions", mounts);
  checkFunction("serve", "onError", options.onError);
  checkFunction("serve", "onLog", options.onLog);
  checkBoolean("serve", "accessLog", options.accessLog);
  if (gateway !== undefined) checkOptions("serve: gateway", gateway, kGatewayNames);
  if (retention !== undefined) {
    checkOptions("serve: retention", retention, kRetentionNames);
    checkRetentionOptions("serve: retention", retention);
  }
}

function warnOfFailure(error: unknown): void {
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  warn("AGL_SERVER", `a store server failed to answer: ${shown}`);
}
