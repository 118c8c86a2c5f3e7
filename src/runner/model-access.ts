// Where the model calls of an agent in a runner process go: to the endpoint that the rollout's resources name, else out to the provider
// that the agent asked. Either way they are recorded; what `unrouted` encloses is not.
import { toJsonValue } from "../base/json-value.js";
import { callerHeaders } from "../tracing/caller.js";
import { runWith } from "../tracing/context.js";
import { modelApi, requestedModel } from "../tracing/model-api.js";
import { toModelRoute } from "../tracing/provider-hosts.js";
import { isCallsKey, rolloutKeysFrom } from "../tracing/rollout-keys.js";
import { toSocketEndpoint } from "../tracing/rollout-name.js";
import { finalFailure } from "../tracing/whole-response.js";
import type { RolloutContext, RolloutEndpoint } from "../types/agent.js";
import type { ModelHandler, ModelRequest, RouteAction } from "../types/model-call.js";
import type { Resource, Resources } from "../types/resources.js";

export interface ModelAccess {
  /** Where processes that the agent starts reach the rollout's proxy; undefined where it has none. */
  readonly endpoint: RolloutEndpoint | undefined;
  route(host: string, model: string | null): RouteAction;
  readonly handle: ModelHandler;
}

export interface ModelPlace extends Pick<RolloutContext, "rolloutId" | "attemptId" | "mode"> {
  readonly resources: Resources;
}

export function toModelAccess(place: ModelPlace): ModelAccess {
  const models = Object.entries(place.resources).flatMap(([name, resource]) =>
    resource.resourceType === "prompt_template" ? [] : [{ name, resource, base: baseUrl(resource, place) }],
  );
  const hosts = models.map(({ base }) => new URL(base).host);
  const known = toModelRoute({ hosts });
  return {
    endpoint: endpointOf(place),
    route: (host, model) => {
      if (known(host, model) === "unknown-host") return "unknown-host";
      // The endpoint itself, called by the agent or by the handler below: passed on and recorded.
      return hosts.includes(host) || models.length === 0 ? "forward" : "serve";
    },
    handle: (request) => callEndpoint(request, models),
  };
}

// --- internal ---

type ModelResource = Exclude<Resource, { resourceType: "prompt_template" }>;

interface NamedModel {
  readonly name: string;
  readonly resource: ModelResource;
  readonly base: string;
}

function endpointOf(place: ModelPlace): RolloutEndpoint | undefined {
  const proxy = Object.values(place.resources).find(({ resourceType }) => resourceType === "proxy_llm");
  if (proxy === undefined || proxy.resourceType === "prompt_template") return undefined;
  const url = proxy.endpoint.replace(/\/+$/, "").replace(/\/v1$/, "");
  const key = proxy.apiKey ?? kNoKey;
  // What a trainer of ours gives its runners makes the keys of single rollouts; that of another proxy is all there is.
  return toSocketEndpoint(
    isCallsKey(key) ? { url, ...rolloutKeysFrom(key) } : { url, keyOf: () => key },
    place,
  );
}

/** What clients want to be given. */
const kNoKey = "agentlightning";

/** A proxy of 0.3 tells rollouts apart by the path, below which its /v1 lies. */
function baseUrl({ endpoint, resourceType }: ModelResource, { rolloutId, attemptId }: ModelPlace): string {
  const base = endpoint.replace(/\/+$/, "");
  if (resourceType !== "proxy_llm") return base;
  const place = `/rollout/${rolloutId}/attempt/${attemptId}`;
  return base.endsWith("/v1") ? `${base.slice(0, -3)}${place}/v1` : `${base}${place}`;
}

/** The model that the agent named, by the resource's name or the model's; else the first. */
function choose(models: readonly NamedModel[], asked: string | null): NamedModel | undefined {
  return models.find(({ name, resource }) => name === asked || resource.model === asked) ?? models[0];
}

async function callEndpoint(request: ModelRequest, models: readonly NamedModel[]): Promise<Response> {
  const path = new URL(request.url).pathname;
  const body = parse(request.body);
  const model = choose(models, requestedModel(path, body));
  const suffix = kSuffixes[modelApi(path) ?? ""];
  if (model === undefined || suffix === undefined || body === undefined)
    return refuse(`${request.method} ${path} cannot be sent to the rollout's model resource`);
  const { resource, base } = model;
  const sent = { ...body, ...resource.samplingParameters, model: resource.model };
  const response = await runWith({ isRouted: true }, () =>
    fetch(joinUrl(base, suffix), {
      method: "POST",
      // The agent's own key is the provider's, not the endpoint's.
      headers: {
        "content-type": "application/json",
        ...callerHeaders(),
        ...(resource.apiKey === null
          ? {}
          : { authorization: `Bearer ${resource.apiKey}`, "x-api-key": resource.apiKey }),
      },
      body: JSON.stringify(sent),
      signal: request.signal,
    }),
  );
  const headers = new Headers(response.headers);
  // fetch has unpacked the body.
  for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

const kSuffixes: Readonly<Record<string, string>> = {
  "openai.chat.completion": "/chat/completions",
  "openai.completion": "/completions",
  "openai.response": "/responses",
  "anthropic.message": "/v1/messages",
  "anthropic.count_tokens": "/v1/messages/count_tokens",
};

function joinUrl(base: string, suffix: string): string {
  return base.endsWith("/v1") && suffix.startsWith("/v1/") ? base + suffix.slice(3) : base + suffix;
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const json = toJsonValue(new TextDecoder().decode(body));
  return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
}

function refuse(message: string): Response {
  const error = { message, type: "invalid_request_error", param: null, code: "unsupported_route" };
  return finalFailure({ error }, 404);
}
