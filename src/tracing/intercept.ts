// What happens to one request at a dispatcher: requests of a rollout that look like model calls are served here, passed on and recorded, or
// passed unseen, as the rollout's route says. All others pass untouched.
import { kPassed } from "../base/passed.js";
import { type ActiveContext, currentContext, runInContext, runWith } from "./context.js";
import { decideCall } from "./decide-call.js";
import type { Dispatcher, DispatchHandler, DispatchOptions } from "./dispatcher.js";
import { findCall, type RefusedCall, type RolloutCall } from "./find-call.js";
import { recordResponse } from "./forward.js";
import { refusalResponse } from "./refusal.js";
import { isReadableBody, readBody, readHeaders } from "./request-body.js";
import { createResponseSink } from "./response-sink.js";
import { withoutName } from "./rollout-name.js";
import { serve } from "./serve.js";
import { uploadAnswer } from "./trace-upload.js";

/** Dispatches through `next` unless a rollout wants to see the request. @returns as undici's dispatch */
export function interceptDispatch(
  next: Dispatcher,
  options: DispatchOptions & PassedOptions,
  client: DispatchHandler,
): boolean {
  const { origin, method, path, headers } = options;
  if (origin === undefined || options[kPassed] === true) return next.dispatch(options, client);
  const found = findCall({ origin, method, path, headers });
  const passed = { ...options, headers: withoutName(headers) };
  if (found === undefined || !isReadableBody(options.body))
    return next.dispatch(passed.headers === headers ? options : passed, client);
  takeOver({ found, caller: currentContext(), next, options: passed, client });
  return true;
}

/** Answers a call or passes it on; whoever had it has nothing to do with it any more. */
export function takeOver(call: TakenCall): void {
  const { found } = call;
  // Inside, the request is no longer routed: neither by a wrapper of the wrapper, nor when a handler passes it on.
  const run = (fn: () => void) =>
    "refusal" in found
      ? runWith({ isRouted: false }, fn)
      : runInContext({ ...found.context, isRouted: false }, fn);
  run(() => void handle(call).catch((error: Error) => failClient(call, error)));
}

export interface TakenCall {
  readonly found: RolloutCall | RefusedCall;
  /** Where the client runs, and its callbacks with it. */
  readonly caller: ActiveContext | undefined;
  /** Where it goes when it is passed on. */
  readonly next: Dispatcher;
  readonly options: DispatchOptions;
  readonly client: DispatchHandler;
}

// --- internal ---

interface PassedOptions {
  readonly [kPassed]?: true;
}

async function handle(call: TakenCall): Promise<void> {
  const { found, options, next, client } = call;
  const body = await readBody(options.body);
  if ("refusal" in found) return await answer(call, refusalResponse(found.refusal, found.api));
  const decision = decideCall(found, body);
  const hasBody = options.body !== undefined && options.body !== null;
  const passed = { ...options, ...(hasBody ? { body } : {}), [kPassed]: true };
  switch (decision.kind) {
    case "pass":
      next.dispatch(passed, client);
      return;
    case "record":
      next.dispatch(passed, recordResponse(client, decision.exchange, found.context));
      return;
    case "refuse":
      return await answer(call, refusalResponse(decision.refusal, found.api));
    case "upload":
      return await answer(call, uploadAnswer());
    case "serve": {
      const { "accept-encoding": _notCompressed, ...headers } = readHeaders(options.headers);
      const { scope } = found.context;
      await serve({
        request: { method: options.method, url: found.url.href, headers, body, parsed: decision.parsed },
        ...{ handle: scope.handle, signal: scope.signal, client, runAsClient: asClient(call) },
      });
    }
  }
}

/** Without the rollout's handler. */
async function answer(call: TakenCall, response: Response): Promise<void> {
  const { method, path } = call.options;
  await serve({
    request: { method, url: path, headers: {}, body: Buffer.alloc(0) },
    handle: async () => response,
    ...{ signal: new AbortController().signal, client: call.client, runAsClient: asClient(call) },
  });
}

function asClient({ caller }: TakenCall) {
  return (callback: () => void) => runInContext(caller, callback);
}

function failClient(call: TakenCall, error: unknown): void {
  const sink = createResponseSink(call.client, () => undefined);
  const cause = error instanceof Error ? error : new Error(String(error), { cause: error });
  runInContext(call.caller, () => {
    sink.start();
    sink.fail(cause);
  });
}
