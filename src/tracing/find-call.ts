// Whose call a request is: that of the rollout that is named on it, else that of the rollout whose code sends it. Everything else is nobody's.
import type { CallNote } from "../types/model-call.js";
import { type ActiveContext, currentContext } from "./context.js";
import { findRollout } from "./live-rollouts.js";
import { type ModelApi, requestApi } from "./model-api.js";
import type { Refusal } from "./refusal.js";
import { type CallName, kEndpointHost, readName } from "./rollout-name.js";
import { isTraceUpload } from "./trace-upload.js";

export interface RolloutCall {
  readonly context: ActiveContext;
  readonly by: CallNote["by"];
  /** Undefined for uploads of traces, and at the rollouts' own address: whoever answers there says what is served. */
  readonly api: ModelApi | undefined;
  /** As the client sent it. */
  readonly sent: URL;
  /** Without the name. */
  readonly url: URL;
}

export interface RefusedCall {
  readonly api: ModelApi | undefined;
  readonly refusal: Refusal;
}

export interface OutgoingRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly origin: string | URL;
  /** Any form that undici takes. */
  readonly headers: unknown;
}

/** @returns undefined for requests that pass untouched */
export function findCall(request: OutgoingRequest): RolloutCall | RefusedCall | undefined {
  const { path, origin } = request;
  // What is no address is the client's to refuse.
  const sent = toUrl(path, origin);
  if (sent === undefined) return undefined;
  const name = knownName(request);
  const api = requestApi({ method: request.method, path: name?.path ?? path });
  const isAtEndpoint = sent.host === kEndpointHost;
  if (api === undefined && !isAtEndpoint) return findUpload(request, sent);
  if (name === undefined) {
    const context = currentContext();
    if (context?.isRouted) return { context, by: "context", api, sent, url: sent };
    return isAtEndpoint ? { api, refusal: unknownRollout("no name", path) } : undefined;
  }
  const context = findRollout(name.rolloutId, name.attemptId);
  if (context === undefined) return { api, refusal: unknownRollout(name.text, path) };
  if (context === "over") return { api, refusal: overRollout(name.text) };
  return { context: within(context), by: "name", api, sent, url: toUrl(name.path, origin) ?? sent };
}

/** @param text  the name as it stands on the call */
export function overRollout(text: string): Refusal {
  const message = `${text}: expected model calls before the rollout's end, got one after; await every call inside the agent`;
  return { code: "rollout_over", message };
}

/** @param text  the name as it stands on the call */
export function unknownRollout(text: string, path: string): Refusal {
  const form = "/rollout/R/attempt/A/... or x-agl-rollout: R/A";
  const message = `${path.split("?", 1)[0]}: expected the name of a rollout that runs in this process (${form}), got ${text}; use the agent's context.endpoint`;
  return { code: "rollout_unknown", message };
}

// --- internal ---

/** Of traces: of the rollout whose code sends it, named or not; outside of rollouts it passes. */
function findUpload({ method }: OutgoingRequest, sent: URL): RolloutCall | undefined {
  const context = currentContext();
  if (!context?.isRouted || !isTraceUpload({ method, host: sent.host, path: sent.pathname }))
    return undefined;
  return { context, by: "context", api: undefined, sent, url: sent };
}

/** A path that begins with two slashes is one all the same: as a reference it would name another host. */
function toUrl(path: string, origin: string | URL): URL | undefined {
  if (!path.startsWith("/")) return URL.canParse(path, String(origin)) ? new URL(path, origin) : undefined;
  if (!URL.canParse(String(origin))) return undefined;
  const text = new URL(origin).origin + path;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function knownName({ path, headers }: OutgoingRequest): CallName | undefined {
  const name = readName(path, headers);
  if (name === undefined || !name.isPrefixed) return name;
  return findRollout(name.rolloutId, name.attemptId) === undefined ? undefined : name;
}

/** A call that is made where its rollout runs has the agent's name and the span that enclose it. */
function within(context: ActiveContext): ActiveContext {
  const current = currentContext();
  const isSame =
    current?.scope.rolloutId === context.scope.rolloutId &&
    current.scope.attemptId === context.scope.attemptId;
  return isSame ? { ...current, isRouted: true } : context;
}
