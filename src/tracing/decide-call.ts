// What happens to a rollout's call once its body is read: served by the rollout's handler, passed on and recorded, passed unseen, or refused.
import { toJsonValue } from "../base/json-value.js";
import type { ParsedBody } from "../types/model-call.js";
import { type ActiveContext, isOver } from "./context.js";
import type { RolloutCall } from "./find-call.js";
import type { Exchange } from "./forward.js";
import { isAside, isCommonPath, requestedModel } from "./model-api.js";
import type { Refusal } from "./refusal.js";
import { kEndpointHost } from "./rollout-name.js";
import { isTraceUpload } from "./trace-upload.js";
import { warnOnce } from "./warn-once.js";

export type Decision =
  | { readonly kind: "serve"; readonly parsed: ParsedBody | undefined }
  /** "upload": of traces, to be answered here. */
  | { readonly kind: "pass" | "upload" }
  | { readonly kind: "record"; readonly exchange: Exchange }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** Decides, and tells the rollout what became of its call. */
export function decideCall(call: RolloutCall, requestBody: Buffer): Decision {
  const { context, by, api, sent, url } = call;
  const place = sent.host + url.pathname;
  if (api === undefined && isTraceUpload({ method: "POST", host: sent.host, path: sent.pathname })) {
    context.scope.note?.({ kind: "trace-upload", place, by });
    return { kind: "upload" };
  }
  // Without JSON there is no model name to route by, and the handler or provider will say what is wrong.
  const text = requestBody.toString("utf8");
  const request = toJsonValue(text);
  const model = requestedModel(url.pathname, request);
  const action = actionOf(call, model);
  if (action === "unknown-host" && isCommonPath(api) && model === null) return { kind: "pass" };
  if (isOver(context) && action !== "ignore" && action !== "unknown-host")
    return { kind: "refuse", refusal: over(context) };
  if (isAside(api) && action !== "serve") return { kind: "pass" };
  if (!isAside(api)) context.scope.note?.({ kind: action, place, by });
  if (action === "unknown-host") warnOfHost(sent.host, place);
  if (action === "serve")
    return { kind: "serve", parsed: request === undefined ? undefined : { text, value: request } };
  if (sent.host === kEndpointHost) return { kind: "refuse", refusal: notForwarded(call, model) };
  if (action !== "forward" || api === undefined) return { kind: "pass" };
  return { kind: "record", exchange: { api, url: sent, model, requestBody, request } };
}

/** Whether the rollout's handler answers it, and its body where it is JSON; undefined: it does not. `noteServed` tells the rollout. */
export function asServed(
  call: RolloutCall,
  text: string,
): { readonly parsed: ParsedBody | undefined } | undefined {
  if (call.api === undefined && call.sent.host !== kEndpointHost) return undefined;
  const value = toJsonValue(text);
  const action = actionOf(call, requestedModel(call.url.pathname, value));
  if (action !== "serve" || isOver(call.context)) return undefined;
  return { parsed: value === undefined ? undefined : { text, value } };
}

export function noteServed({ context, by, api, sent, url }: RolloutCall): void {
  if (!isAside(api)) context.scope.note?.({ kind: "serve", place: sent.host + url.pathname, by });
}

/** Of a call that looks like a model call and went to a host that is not routed. */
export function warnOfHost(host: string, place: string): void {
  warnOnce(
    `unknown host ${host}`,
    `a rollout called ${place}, which looks like a model call, and ${host} is no host that the policy answers for: the call went there, ` +
      `unrecorded; add routes: { hosts: [${JSON.stringify(host)}] } to createTrainer's options for the policy to answer, or wrap the call in agl.unrouted(fn) if ${host} is meant`,
  );
}

// --- internal ---

/** Who names a rollout means its policy, under whatever host. */
function actionOf({ context, by, sent }: RolloutCall, model: string | null) {
  const action = context.scope.route(sent.host, model);
  return action === "unknown-host" && by === "name" ? context.scope.route(kEndpointHost, model) : action;
}

function over({ scope }: ActiveContext): Refusal {
  const { rolloutId, signal } = scope;
  const end = signal.aborted ? `its end (${describeReason(signal.reason)})` : "its agent had returned";
  const message =
    `rollout ${rolloutId}: expected model calls before its end, got one after ${end}; await every call inside the agent; ` +
    "if another rollout made this call, it went through a queue that rollouts share: make the client inside the agent with baseURL context.endpoint.openai, or queue agl.bind(fn)";
  return { code: "rollout_over", message };
}

function notForwarded({ sent }: RolloutCall, model: string | null): Refusal {
  const message =
    `${sent.host}${sent.pathname}: expected a call that the policy answers, got one for the provider (model ${JSON.stringify(model)}), and at the rollout's own address nothing is behind the policy; ` +
    "send it with the provider's own base URL, or take the model out of routes.forward and routes.ignore";
  return { code: "not_forwarded", message };
}

function describeReason(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
