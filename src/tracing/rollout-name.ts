// The name of a rollout on a call: by path, `/rollout/R/attempt/A/...` under any host, or by header, `x-agl-rollout: R/A`. It says whose call it
// is wherever the call is made; the path's name wins over the header's.
import type { RolloutContext, RolloutEndpoint } from "../types/agent.js";
import { readHeaders } from "./request-body.js";

/** Nothing has this name (RFC 6761): what escapes the interception fails at DNS. */
export const kEndpointHost = "agentlightning.invalid";

export const kNameHeader = "x-agl-rollout";

/** Where a rollout's clients call while nothing listens. */
export function toEndpoint(rolloutId: string, attemptId: string): RolloutEndpoint {
  const base = `http://${kEndpointHost}${pathOf(rolloutId, attemptId)}`;
  return Object.freeze({ ...urlsOf(base), env: Object.freeze(variablesOf(base, kNoKey)) });
}

/** A server that takes the calls of rollouts. */
export interface SocketAddress {
  /** Without a slash at its end. */
  readonly url: string;
  /** What opens this rollout alone. */
  keyOf(rolloutId: string, attemptId: string): string;
}

/** Where they call when something does. Its variables are also those of Agent Lightning 1.0's agents. */
export function toSocketEndpoint(
  { url, keyOf }: SocketAddress,
  { rolloutId, attemptId, mode }: Pick<RolloutContext, "rolloutId" | "attemptId" | "mode">,
): RolloutEndpoint {
  const path = pathOf(rolloutId, attemptId);
  const key = keyOf(rolloutId, attemptId);
  const base = `${url}${path}`;
  return Object.freeze({
    ...urlsOf(base),
    env: Object.freeze({
      ...variablesOf(base, key),
      AGL_OPENAI_BASE_URL: `${url}/proxy${path}/mode/${mode === "train" ? "train" : "val"}/openai/v1`,
      AGL_EVENT_URL: `${url}/api${path.replace("/rollout/", "/rollouts/")}/events`,
      ...{ AGL_KEY: key, AGL_ROLLOUT_ID: rolloutId, AGL_ATTEMPT_ID: attemptId },
    }),
  });
}

export interface CallName {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** As it stands on the call, for messages. */
  readonly text: string;
  /** The path without the name: what the client asked of its provider. */
  readonly path: string;
  /** True when something stands before the name in the path: then it may be another server's way to write paths. */
  readonly isPrefixed: boolean;
}

/** @returns undefined when nothing names the call */
export function readName(path: string, headers: unknown): CallName | undefined {
  const inPath = kPath.exec(path);
  if (inPath !== null) {
    const [, prefix = "", rollout = "", attempt = "", rest = ""] = inPath;
    const ids = { rolloutId: decode(rollout), attemptId: decode(attempt) };
    const text = `/rollout/${rollout}/attempt/${attempt}`;
    return { ...ids, text, path: `${prefix}${rest}` || "/", isPrefixed: prefix !== "" };
  }
  const value = readHeaders(headers)[kNameHeader];
  if (value === undefined) return undefined;
  const [rollout = "", attempt = "", ...more] = value.split("/").map(decode);
  // What is no name is nobody's.
  const ids =
    more.length > 0 ? { rolloutId: value, attemptId: "" } : { rolloutId: rollout, attemptId: attempt };
  return { ...ids, text: `${kNameHeader}: ${value}`, path, isPrefixed: false };
}

/** Headers in a form that undici takes, without the name: providers must not get it. The same object when there is none. */
export function withoutName(headers: unknown): unknown {
  const { [kNameHeader]: name, ...others } = readHeaders(headers);
  return name === undefined ? headers : others;
}

// --- internal ---

function pathOf(rolloutId: string, attemptId: string): string {
  return `/rollout/${encodeURIComponent(rolloutId)}/attempt/${encodeURIComponent(attemptId)}`;
}

function urlsOf(base: string) {
  return { openai: `${base}/v1`, anthropic: base, google: base };
}

function variablesOf(base: string, key: string): Record<string, string> {
  const openai = `${base}/v1`;
  return {
    ...{ OPENAI_BASE_URL: openai, OPENAI_API_BASE: openai, OPENAI_API_KEY: key },
    ...{ ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: key },
    ...{ GOOGLE_GEMINI_BASE_URL: base, GEMINI_API_KEY: key, GOOGLE_API_KEY: key },
  };
}

/** What SDKs want to be given; no provider takes it. */
const kNoKey = "agentlightning";
const kPath = /^([^?]*?)\/rollout\/([^/?]+)\/attempt\/([^/?]+)((?:[/?].*)?)$/;

/** As it is written when it is no percent-encoding: then nothing has this name. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
