// Which rollout a request names, and what of it it asks for: a model's answer, or to be told of an event.
import { requestApi } from "../../tracing/model-api.js";
import { readName } from "../../tracing/rollout-name.js";

export interface NamedRequest {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** As it stands on the request. */
  readonly text: string;
  /** Of a call, as its client would ask a provider; null: it tells of an event. */
  readonly path: string | null;
  /** By the way of 1.0's proxy, which has models of its own for rollouts that are not here. */
  readonly isProxied: boolean;
}

/** @returns undefined for a request that is no rollout's */
export function nameOfRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string | undefined>>,
): NamedRequest | undefined {
  const event = kEvents.exec(path);
  const name = readName(event === null ? path : `/rollout/${event[1]}/attempt/${event[2]}`, headers);
  if (name === undefined) return undefined;
  const { rolloutId, attemptId, text } = name;
  if (event !== null) return { rolloutId, attemptId, text, path: null, isProxied: false };
  const isByPath = text.startsWith("/");
  // With a header alone the server's own routes stay what they are.
  if (!isByPath && requestApi({ method, path }) === undefined) return undefined;
  return {
    ...{ rolloutId, attemptId, text },
    path: name.path.replace(kProxied, ""),
    isProxied: kProxied.test(name.path),
  };
}

// --- internal ---

const kEvents = /^\/api\/rollouts\/([^/]+)\/attempt\/([^/]+)\/events$/;
const kProxied = /\/proxy\/mode\/(?:train|val)\/openai(?=\/)/;
