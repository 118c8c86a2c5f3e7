// The routes of Agent Lightning 1.0's gateway over a LightningStore: its controllers, agents and trainers find here what they know.
// Keys are checked by the server that mounts these.
import { type Context, Hono } from "hono";
import type { z } from "zod";
import type { LightningStore } from "../../store/store.js";
import { answerJson } from "../store-api/answer.js";
import { ApiError, toApiError, toErrorResponse } from "../store-api/api-error.js";
import { type Detail, missingBody, toDetails } from "../store-api/pydantic-detail.js";
import { readJson } from "../store-api/request-body.js";
import { toEvent, toEventSpan } from "./event-spans.js";
import {
  changesSchema,
  eventSchema,
  eventsQuerySchema,
  type GatewayEvent,
  listQuerySchema,
  modelsSchema,
  newRolloutsSchema,
  pauseSchema,
  terminalQuerySchema,
} from "./gateway-records.js";
import { ModelTable } from "./model-table.js";
import { ModelProxy, type ProxyOptions } from "./proxy.js";
import { type AnyRollout, RolloutBook } from "./rollout-book.js";
import { gatewayIdOf, toGatewayRollout } from "./rollout-view.js";
import { toTriplets } from "./triplets.js";

export interface GatewayOptions extends ProxyOptions {
  /** Of one request. Default 32 MiB. */
  readonly maxBodyBytes?: number;
}

/** Routes at the server's root: /healthz, /api/rollouts, /api/models, /proxy. */
export function gatewayRoutes(store: LightningStore, options: GatewayOptions = {}): Hono {
  const { maxBodyBytes = 32 << 20, ...proxyOptions } = options;
  const book = new RolloutBook(store);
  const models = new ModelTable();
  const proxy = new ModelProxy(models, proxyOptions);
  const app = new Hono();
  const body = <S extends z.ZodType>(c: Context, schema: S) => readBody(c, schema, maxBodyBytes);
  const record = async (rollout: AnyRollout, event: GatewayEvent) => {
    const attempt = await book.attemptOf(rollout);
    const sequenceId = await store.nextSequenceId(rollout.rolloutId);
    await store.addSpans([toEventSpan(event, attempt, sequenceId)]);
  };

  app.onError((error, c) => {
    const known = toApiError(error);
    return known === undefined ? c.json({ detail: "Internal server error" }, 500) : toErrorResponse(known);
  });
  app.get("/healthz", (c) => c.json({ status: "ok" }));

  app.post("/api/rollouts", async (c) => {
    const created = await book.create(await body(c, newRolloutsSchema));
    return answerJson(c, 201, created.map(toGatewayRollout));
  });
  app.get("/api/rollouts", async (c) => {
    const state_in = c.req.queries("state_in");
    const query = readQuery({ state_in, limit: integer(c, "limit") }, listQuerySchema);
    return answerJson(c, 200, (await book.list(query.state_in, query.limit)).map(toGatewayRollout));
  });
  app.get("/api/rollouts/terminal", async (c) => {
    const query = readQuery({ after: integer(c, "after"), limit: integer(c, "limit") }, terminalQuerySchema);
    const after = Math.max(query.after, 0);
    const ended = await book.ended();
    const items = ended.slice(after, after + query.limit);
    return answerJson(c, 200, { items, next_after: after + items.length, total_terminal: ended.length });
  });
  app.get("/api/rollouts/:id", async (c) => {
    const rollout = toGatewayRollout(await book.get(c.req.param("id")));
    return answerJson(c, 200, { rollout, attempts: [] });
  });
  app.patch("/api/rollouts/:id", async (c) => {
    const { status } = await body(c, changesSchema);
    return answerJson(c, 200, toGatewayRollout(await book.change(c.req.param("id"), status)));
  });
  app.delete("/api/rollouts/:id", async (c) => {
    await book.remove(c.req.param("id"));
    return c.body(null, 204);
  });

  app.post("/api/rollouts/:id/attempt/:attempt/events", async (c) => {
    const { event_type, data } = await body(c, eventSchema);
    const rollout = await book.get(c.req.param("id"));
    const event: GatewayEvent = {
      event_type,
      rollout_id: gatewayIdOf(rollout),
      attempt_id: c.req.param("attempt"),
      timestamp: Date.now() / 1000,
      data,
    };
    await record(rollout, event);
    return answerJson(c, 200, event);
  });
  app.get("/api/rollouts/:id/events", async (c) => {
    const given = { event_type: c.req.query("event_type"), format: c.req.query("format") };
    const query = readQuery(given, eventsQuerySchema);
    const rollout = await book.get(c.req.param("id"));
    const { items } = await store.querySpans(rollout.rolloutId);
    const events = items.map((span) => toEvent(span, gatewayIdOf(rollout)));
    const wanted = events.filter(
      ({ event_type }) => query.event_type === undefined || event_type === query.event_type,
    );
    return answerJson(c, 200, query.format === "triplet" ? toTriplets(wanted) : wanted);
  });

  app.post("/api/models", async (c) => {
    const given = await body(c, modelsSchema);
    models.put(given);
    return answerJson(c, 201, given);
  });
  app.delete("/api/models", (c) => {
    models.clear();
    return answerJson(c, 200, { status: "ok" });
  });

  app.get("/proxy/state", (c) => c.json(proxy.state()));
  app.post("/proxy/pause", async (c) => {
    const { retry_after_seconds, reason } = await body(c, pauseSchema);
    proxy.pause(retry_after_seconds, reason);
    return answerJson(c, 200, proxy.state());
  });
  app.post("/proxy/resume", (c) => {
    proxy.resume();
    return answerJson(c, 200, proxy.state());
  });
  app.post("/proxy/rollout/:id/attempt/:attempt/mode/:mode/openai/v1/:path{.+}", async (c) => {
    const { id, attempt, mode, path } = c.req.param();
    if (mode !== "train" && mode !== "val")
      throw new ApiError(404, `Unsupported proxy mode: ${mode}`, "E_NOT_FOUND");
    if (path !== "chat/completions" && path !== "completions")
      throw new ApiError(404, `Unsupported upstream path: ${path}`, "E_NOT_FOUND");
    const refusal = proxy.refusal();
    if (refusal !== undefined) return refusal;
    const rollout = await book.get(id);
    const json = await readObject(c, maxBodyBytes);
    return proxy.call({
      ...{ rolloutId: id, mode, path, body: json, signal: c.req.raw.signal },
      record: (data) =>
        record(rollout, {
          event_type: "model_request",
          ...{ rollout_id: id, attempt_id: attempt, timestamp: Date.now() / 1000 },
          data: { ...data },
        }),
    });
  });
  return app;
}

// --- internal ---

async function readBody<S extends z.ZodType>(c: Context, schema: S, maxBytes: number): Promise<z.output<S>> {
  const json = await readJson(c, maxBytes);
  if (json === undefined || json === null) throw new ApiError(422, [missingBody()]);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ApiError(422, refine(toDetails(parsed.error, json, "body"), parsed.error, json));
}

/** A call's body: a JSON object, or the proxy's own words for what is not. */
async function readObject(c: Context, maxBytes: number): Promise<Readonly<Record<string, unknown>>> {
  let json: unknown;
  try {
    json = await readJson(c, maxBytes);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 400)) throw error;
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>;
  throw new ApiError(400, "Invalid JSON in request body");
}

function readQuery<S extends z.ZodType>(given: object, schema: S): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ApiError(422, refine(toDetails(parsed.error, given, "query"), parsed.error, given));
}

/** What does not look like an integer stays text, for the schema to refuse. */
function integer(c: Context, name: string): number | string | undefined {
  const text = c.req.query(name);
  return text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : text;
}

/** 1.0's models forbid unknown keys and have real enums, which 0.3's have not. */
function refine(details: readonly Detail[], error: z.ZodError, given: unknown): Detail[] {
  return details.flatMap((detail, i) => {
    const issue = error.issues[i];
    if (detail.type === "literal_error") return [{ ...detail, type: "enum" }];
    if (issue?.code !== "unrecognized_keys") return [detail];
    const holder = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], given);
    return issue.keys.map((key) => ({
      type: "extra_forbidden",
      loc: [...detail.loc, key],
      msg: "Extra inputs are not permitted",
      input: (holder as Record<string, unknown>)[key],
    }));
  });
}
