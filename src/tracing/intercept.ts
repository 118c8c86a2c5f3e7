// What happens to one request at the dispatcher: requests of a rollout that look like model calls are served here,
// passed on and recorded, or passed unseen, as the rollout's route says. All others pass untouched.
import { LightningError } from "../base/error.js";
import { type ActiveContext, currentContext, isOver, runInContext, runWith } from "./context.js";
import type { Dispatcher, DispatchHandler, DispatchOptions } from "./dispatcher.js";
import { recordResponse } from "./forward.js";
import { type ModelApi, modelApi, requestedModel } from "./provider-hosts.js";
import { isReadableBody, readBody, readHeaders } from "./request-body.js";
import { createResponseSink } from "./response-sink.js";
import { serve } from "./serve.js";

/** Dispatches through `next` unless the running rollout wants to see the request. @returns as undici's dispatch */
export function interceptDispatch(
  next: Dispatcher,
  options: DispatchOptions,
  client: DispatchHandler,
): boolean {
  const context = currentContext();
  const api = context?.isRouted ? requestApi(options) : undefined;
  if (context === undefined || api === undefined || !isReadableBody(options.body))
    return next.dispatch(options, client);
  // Inside, the request is no longer routed: neither by a wrapper of the wrapper, nor when a handler passes it on.
  const call: Call = { context, api, next, options, client };
  runWith({ isRouted: false }, () => void handle(call).catch((error: Error) => failClient(call, error)));
  return true;
}

/** The interface of a request that looks like a model call; undefined for all others. */
export function requestApi(options: {
  readonly method: string;
  readonly path: string;
  readonly origin?: unknown;
}): ModelApi | undefined {
  return options.method === "POST" && options.origin !== undefined ? modelApi(options.path) : undefined;
}

// --- internal ---

interface Call {
  readonly context: ActiveContext;
  readonly api: ModelApi;
  readonly next: Dispatcher;
  readonly options: DispatchOptions;
  readonly client: DispatchHandler;
}

async function handle(call: Call): Promise<void> {
  const { context, options, next, client } = call;
  const url = new URL(options.path, options.origin);
  const body = await readBody(options.body);
  const json = parseJson(body);
  const model = requestedModel(url.pathname, json);
  const action = context.scope.route(url.host, model);
  const passed = options.body === undefined || options.body === null ? options : { ...options, body };
  if (action === "ignore") {
    next.dispatch(passed, client);
    return;
  }
  if (isOver(context)) throw overError(context);
  if (action === "forward") {
    const exchange = { api: call.api, url, model, requestBody: body, request: json };
    next.dispatch(passed, recordResponse(client, exchange, context));
    return;
  }
  const { "accept-encoding": _notCompressed, ...headers } = readHeaders(options.headers);
  await serve({
    request: { method: options.method, url: url.href, headers, body },
    handle: context.scope.handle,
    signal: context.scope.signal,
    client,
    runAsClient: (callback) => runInContext(context, callback),
  });
}

function overError(context: ActiveContext): unknown {
  const { scope } = context;
  if (scope.signal.aborted) return scope.signal.reason;
  const who = `rollout ${scope.rolloutId}`;
  return new LightningError(
    "E_STATE",
    `${who}: expected model calls before its agent returned, got one after; await every call`,
  );
}

function failClient(call: Call, error: unknown): void {
  const sink = createResponseSink(call.client, () => undefined);
  const cause = error instanceof Error ? error : new Error(String(error), { cause: error });
  runInContext(call.context, () => {
    sink.start();
    sink.fail(cause);
  });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined; // Not JSON: there is no model name to route by, and the handler or provider will say what is wrong.
  }
}
