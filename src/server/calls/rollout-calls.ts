// Model calls that come by a socket and name a rollout of this process: answered by the rollout's own handler, in its context, as calls from
// inside are. What differs is who carries the bytes.
import type { Context } from "hono";
import { kAgentHeader } from "../../tracing/caller.js";
import { type ActiveContext, runInContext } from "../../tracing/context.js";
import { decideCall } from "../../tracing/decide-call.js";
import { overRollout, type RolloutCall, unknownRollout } from "../../tracing/find-call.js";
import { requestApi } from "../../tracing/model-api.js";
import { refusalResponse } from "../../tracing/refusal.js";
import type { RolloutKeys } from "../../tracing/rollout-keys.js";
import { kEndpointHost } from "../../tracing/rollout-name.js";
import { uploadAnswer } from "../../tracing/trace-upload.js";
import { unknownRoute } from "../endpoint/dialects.js";
import type { InFlight } from "../http/in-flight.js";
import { type NamedRequest, nameOfRequest } from "./call-name.js";
import { readCall, sendResponse, toModelRequest } from "./carry.js";

/** The rollouts whose calls a server takes. */
export interface ServedRollouts extends RolloutKeys {
  /** "over": it has ended; undefined: none of these. */
  find(rolloutId: string, attemptId: string): ActiveContext | "over" | undefined;
  /** The same of rollouts whose agents run elsewhere: what is told of them besides their calls goes to the store alone. */
  readonly lookUp?:
    | ((rolloutId: string, attemptId: string) => Promise<ActiveContext | "over" | undefined>)
    | undefined;
}

export interface RolloutCallsOptions {
  readonly rollouts: ServedRollouts;
  readonly inFlight: InFlight;
  readonly maxBodyBytes: number;
}

/** @returns answers a request; undefined: it is no call of these rollouts */
export function createRolloutCalls(
  options: RolloutCallsOptions,
): (c: Context, refuse: () => Response | undefined) => Promise<Response | undefined> {
  const { rollouts, inFlight, maxBodyBytes } = options;
  return async (c, refuse) => {
    const { method } = c.req;
    const name = nameOfRequest(method, c.req.path, c.req.header());
    if (name === undefined || name.path === null) return undefined;
    const { rolloutId, attemptId, path } = name;
    const context = rollouts.find(rolloutId, attemptId) ?? (await rollouts.lookUp?.(rolloutId, attemptId));
    const api = requestApi({ method, path });
    if (context === undefined)
      return name.isProxied ? undefined : refusalResponse(unknownRollout(name.text, c.req.path), api);
    if (context === "over") return refusalResponse(overRollout(name.text), api);
    const paused = refuse();
    if (paused !== undefined) return paused;
    const body = await readCall(c, inFlight, maxBodyBytes);
    const url = new URL(`http://${kEndpointHost}${path}${new URL(c.req.url).search}`);
    return answer(c, name, { context: within(context, c), by: "name", api, sent: url, url }, body);
  };
}

// --- internal ---

async function answer(c: Context, name: NamedRequest, call: RolloutCall, body: Buffer): Promise<Response> {
  const { context, api, url } = call;
  const { method } = c.req;
  const decision = decideCall(call, body);
  if (decision.kind === "refuse") return refusalResponse(decision.refusal, api);
  if (decision.kind === "upload") return uploadAnswer();
  if (decision.kind !== "serve") return unknownRoute(method, url.pathname);
  const { scope } = context;
  const client = c.req.raw.signal;
  const signal = AbortSignal.any([client, scope.signal]);
  const request = { ...toModelRequest(c, url.href, body), parsed: decision.parsed, signal };
  try {
    return sendResponse(c, await runInContext(context, async () => await scope.handle(request)));
  } catch (error) {
    if (scope.signal.aborted) return refusalResponse(overRollout(name.text), api);
    // Nobody reads it.
    if (client.aborted) return new Response(null, { status: 499 });
    throw error;
  }
}

/** The rollout's code as it stands where the call was made, where the client tells: under which span, and by which agent. */
function within(context: ActiveContext, c: Context): ActiveContext {
  const [, parentId = context.parentId] = kTraceParent.exec(c.req.header("traceparent") ?? "") ?? [];
  const given = c.req.header(kAgentHeader);
  const agent = given === undefined ? context.agent : decode(given);
  return { ...context, agent, parentId, isRouted: false };
}

/** As it is written when it is no percent-encoding: names are text of any kind, and headers are not. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** W3C Trace Context: version, trace, span, flags. */
const kTraceParent = /^[\da-f]{2}-[\da-f]{32}-(?!0{16})([\da-f]{16})-[\da-f]{2}/;
