// A route of the store's interface: what it takes and answers, as schemas, and what it does. The same record is mounted on hono and
// written into the OpenAPI document.
import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, Hono } from "hono";
import type { z } from "zod";
import { answerJson } from "../http/answer.js";
import { ApiError } from "../http/api-error.js";
import { missingBody, toDetails } from "../http/pydantic-detail.js";
import { readJson } from "../http/request-body.js";
import { StreamedPage } from "./streamed-page.js";

/** What a handler gets: parameters of the path, the query and the body as their schemas made them. */
export interface Call<Q, B> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** A route whose types were checked where it was written. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Below the base, parameters as `:rollout_id`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Without a body the schema gets {}. */
  readonly isBodyOptional?: boolean;
  readonly status?: 200 | 201;
  readonly answer: z.ZodType;
  readonly handle: (call: Call<never, never>) => Promise<unknown>;
}

export function defineRoute<Q extends z.ZodObject, B extends z.ZodType>(
  route: Omit<Route, "query" | "body" | "handle"> & {
    readonly query?: Q;
    readonly body?: B;
    readonly handle: (call: Call<z.output<Q>, z.output<B>>) => Promise<unknown>;
  },
): Route {
  return route as Route;
}

export function mountRoute(app: Hono, base: string, route: Route, maxBodyBytes: number): void {
  app.on(route.method, `${base}${route.path}`, async (c) => {
    const query =
      route.query === undefined ? undefined : parse(route.query, readQuery(c, route.query), "query");
    const body = route.body === undefined ? undefined : await readBody(c, route, route.body, maxBodyBytes);
    const call = {
      params: c.req.param() as Record<string, string>,
      query: query as never,
      body: body as never,
      // Costs something: made when it is asked for.
      get signal() {
        return c.req.raw.signal;
      },
    };
    const answer = await route.handle(call);
    if (!(answer instanceof StreamedPage)) return answerJson(c, route.status ?? 200, answer);
    const { outgoing } = (c.env ?? {}) as { readonly outgoing?: ServerResponse };
    if (outgoing === undefined)
      return c.body(await answer.text(), 200, { "content-type": "application/json" });
    await answer.send(outgoing, route.status ?? 200);
    return RESPONSE_ALREADY_SENT;
  });
}

// --- internal ---

function parse(schema: z.ZodType, value: unknown, place: "body" | "query"): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ApiError(422, toDetails(parsed.error, value, place));
}

async function readBody(c: Context, route: Route, schema: z.ZodType, maxBytes: number): Promise<unknown> {
  const json = await readJson(c, maxBytes);
  if (json !== undefined) return parse(schema, json, "body");
  if (!route.isBodyOptional) throw new ApiError(422, [missingBody()]);
  return parse(schema, {}, "body");
}

// Lists repeat their key; of other keys the last counts. What does not look like a number stays text, for the schema to refuse.
function readQuery(c: Context, schema: z.ZodObject): Record<string, unknown> {
  const given = c.req.queries();
  const query: Record<string, unknown> = {};
  for (const key of Object.keys(schema.shape)) {
    const values = Object.hasOwn(given, key) ? given[key] : undefined;
    const last = values?.at(-1);
    if (last === undefined) continue;
    if (key.endsWith("_in")) query[key] = values;
    else if (kIntegers.has(key)) query[key] = /^[+-]?\d{1,15}$/.test(last) ? Number(last) : last;
    else if (key === "strict" || key === "hidden") query[key] = last === "true" || last === "1";
    else if (key === "metadata") query[key] = parseJson(last);
    else query[key] = last;
  }
  return query;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // For the schema to refuse.
  }
}

const kIntegers: ReadonlySet<string> = new Set(["limit", "offset", "version"]);
