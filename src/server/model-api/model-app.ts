// A trained policy for production: every dialect, models by name, health and metrics; no rollouts, no store, nothing recorded.
import { randomBytes } from "node:crypto";
import { type Context, Hono } from "hono";
import { performance } from "../../base/clock.js";
import type { TemplateVariables } from "../../policy/chat/template-options.js";
import type { Policy } from "../../policy/policy.js";
import type { CallRequest } from "../../types/call-request.js";
import type { ModelHandler } from "../../types/model-call.js";
import { readCall, refusedCall, sendResponse, toModelRequest } from "../calls/carry.js";
import { dialectOf } from "../endpoint/dialects.js";
import { createModelHandler } from "../endpoint/model-handler.js";
import { RequestError } from "../endpoint/request-error.js";
import { createTemplateNotes } from "../endpoint/template-notes.js";
import { ApiError, toRefusal } from "../http/api-error.js";
import { createInFlight } from "../http/in-flight.js";
import { createAccess } from "../store-api/access.js";
import type { Keys } from "../store-api/keys.js";
import type { Log } from "../store-api/log-record.js";
import { createMetrics } from "../store-api/metrics.js";
import { type AnsweredRequest, createRequestLog } from "../store-api/request-log.js";
import type { ServedAdapters } from "./served-adapters.js";

export interface ModelAppOptions extends Keys {
  readonly policy: Policy;
  readonly adapters: ServedAdapters;
  readonly corsOrigins: readonly string[];
  readonly maxBodyBytes: number;
  /** Calls at once; more are told to come back. */
  readonly maxInFlight: number;
  readonly template?: TemplateVariables | undefined;
  readonly log: Log;
  readonly accessLog: boolean;
}

export interface ModelApp {
  readonly app: Hono;
  /** From now on these are the keys. */
  changeKeys(keys: Keys): void;
  /** As ServedAdapters, told to the log. */
  reload(): Promise<Readonly<Record<string, string>>>;
}

export function createModelApp(options: ModelAppOptions): ModelApp {
  const { policy, adapters, log, maxInFlight, maxBodyBytes } = options;
  const metrics = createMetrics();
  const requests = createRequestLog(metrics, log, options.accessLog);
  const inFlight = createInFlight(maxInFlight, 8 * maxBodyBytes);
  const access = createAccess({ ...options, takesModelKeys: true });
  const newHandler = createHandlers(options);
  const reload = async () => {
    const told = await adapters.reload();
    for (const [name, what] of Object.entries(told)) {
      const isWrong = what !== "swapped" && what !== "unchanged";
      log({ level: isWrong ? "error" : "info", message: `adapter ${name}: ${what}` });
    }
    return told;
  };
  const app = new Hono();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const { incoming, outgoing } = (c.env ?? {}) as Pick<AnsweredRequest, "incoming" | "outgoing">;
    const status = outgoing?.headersSent ? outgoing.statusCode : c.res.status;
    const seconds = (performance.now() - start) / 1000;
    requests({ method: c.req.method, route: routeOf(c), status, seconds, incoming, outgoing });
  });
  app.onError((error, c) => refuse(c, error, (failure) => log({ level: "error", message: String(failure) })));
  app.use(access.check);
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/metrics", (c) => {
    const gauges = { agl_policy_calls_running: adapters.running, ...countersOf(policy) };
    return c.body(metrics.expose(gauges), 200, { "content-type": kPrometheus });
  });
  const models = adapters.names.map((id) => ({
    id,
    object: "model",
    created: 0,
    owned_by: "agentlightning",
  }));
  app.get("/v1/models", (c) => c.json({ object: "list", data: models }));
  app.get("/v1/models/:id{.+}", (c) => {
    const found = models.find(({ id }) => id === c.req.param("id"));
    if (found === undefined)
      throw new ApiError(404, unknownModel(c.req.param("id"), adapters), "E_NOT_FOUND");
    return c.json(found);
  });
  app.post("/admin/reload", async (c) => c.json(await reload()));
  app.all("*", async (c) => {
    if (adapters.running >= maxInFlight)
      throw new ApiError(503, `Expected at most ${maxInFlight} calls at once, got one more`, "E_STATE", 1);
    const body = await readCall(c, inFlight, maxBodyBytes);
    const request = { ...toModelRequest(c, c.req.url, body), signal: c.req.raw.signal };
    return sendResponse(c, await newHandler()(request));
  });
  return { app, changeKeys: access.change, reload };
}

// --- internal ---

const kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
const kOwn = /^\/(health|metrics|v1\/models|admin\/reload)(?![^/])/;

/** One a call: nothing of a client's conversation is kept for the next. */
function createHandlers({ policy, adapters, template }: ModelAppOptions): () => ModelHandler {
  const notes = createTemplateNotes();
  const { config, contextLength, tokenizer, toolCalls, thoughtsIn } = policy;
  const served = {
    ...{ config, contextLength, tokenizer, toolCalls, thoughtsIn },
    renderChat: policy.renderChat.bind(policy),
    constrain: policy.constrain.bind(policy),
    sample: adapters.sample,
  };
  return () =>
    createModelHandler({
      ...{ policy: served, template, notes, record: () => undefined },
      seed: randomBytes(8).readBigUInt64LE(),
      sampling: ({ sampling: asked }) => ({
        ...{ temperature: asked.temperature ?? 1, topP: asked.topP ?? 1 },
        ...{ topK: asked.topK ?? 0, minP: asked.minP ?? 0 },
        maxTokens: asked.maxTokens ?? contextLength,
      }),
      adapter: ({ model }: CallRequest) => {
        const adapter = adapters.adapterOf(model);
        if (adapter === undefined)
          throw new RequestError(404, unknownModel(model, adapters), "model", "model_not_found");
        return adapter;
      },
    });
}

function unknownModel(model: string, { names }: ServedAdapters): string {
  return `model: expected one of ${names.join(", ")}, got ${JSON.stringify(model)}`;
}

/** In the shape that the clients of such a path read. */
function refuse(c: Context, error: Error, onError: (error: unknown) => void): Response {
  // Nobody reads it.
  if (c.req.raw.signal.aborted) return new Response(null, { status: 499 });
  return refusedCall(c.req.method, c.req.path, toRefusal(error, onError));
}

/** By its route, so that no client can make up series. */
function routeOf(c: Context): string {
  return c.req.path.match(kOwn)?.[0] ?? dialectOf(c.req.method, c.req.path)?.name ?? "other";
}

function countersOf({ counters }: Policy): Readonly<Record<string, number>> {
  return {
    agl_policy_sampled_tokens: counters.sampledTokens,
    agl_policy_prefill_rows: counters.prefillRows,
    agl_policy_decode_rows: counters.decodeRows,
    agl_policy_sampler_passes: counters.samplerPasses,
    agl_policy_cached_prompt_tokens: counters.cachedPromptTokens,
  };
}
