// Routes of resources and workers, and of the store as a whole.
import { z } from "zod";
import {
  fromWireResources,
  toWireStatistics,
  toWireUpdate,
  toWireWorker,
} from "../../store/http/wire-mapping.js";
import {
  pageSchema,
  resourcesSchema,
  resourcesUpdateSchema,
  statisticsSchema,
  workerSchema,
} from "../../store/http/wire-records.js";
import {
  heartbeatSchema,
  resourcesQuerySchema,
  resourcesVersionSchema,
  strictSchema,
  workerQuerySchema,
} from "../../store/http/wire-requests.js";
import { listingsOf } from "../../store/listings.js";
import { sortFields } from "../../store/paging.js";
import type { LightningStore } from "../../store/store.js";
import type { ResourcesQuery, WorkerQuery } from "../../store/store-records.js";
import type { Attributes } from "../../types/span.js";
import { kGatewayWorker } from "../gateway/hidden.js";
import { lenient, refuseNull, toQuery } from "./queries.js";
import { defineRoute, type Route } from "./route.js";
import { type ListTurns, pageOf } from "./streamed-page.js";

export function resourceRoutes(store: LightningStore, turns: ListTurns): readonly Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/resources",
      summary: "Bundles of resources in their newest version",
      query: resourcesQuerySchema,
      answer: pageSchema(resourcesUpdateSchema),
      handle: async ({ query }) => {
        const asked = toQuery<ResourcesQuery>(query, sortFields.resources);
        return pageOf(
          await turns.settle(() => listingsOf(store).resources(asked)),
          toWireUpdate,
          asked,
          turns,
        );
      },
    }),
    defineRoute({
      method: "POST",
      path: "/resources",
      summary: "Keeps a new bundle, which becomes the latest",
      body: resourcesSchema,
      status: 201,
      answer: resourcesUpdateSchema,
      handle: async ({ body }) => toWireUpdate(await store.addResources(fromWireResources(body))),
    }),
    defineRoute({
      method: "GET",
      path: "/resources/latest",
      summary: "The bundle changed last; null when there is none",
      answer: resourcesUpdateSchema.nullable(),
      handle: async () => orNull(await store.getLatestResources(), toWireUpdate),
    }),
    defineRoute({
      method: "POST",
      path: "/resources/:resources_id",
      summary: "Keeps the bundle under this id as its next version, which becomes the latest",
      body: resourcesSchema,
      answer: resourcesUpdateSchema,
      handle: async ({ params, body }) =>
        toWireUpdate(await store.updateResources(params.resources_id ?? "", fromWireResources(body))),
    }),
    defineRoute({
      method: "GET",
      path: "/resources/:resources_id",
      summary: "The bundle in its newest version or the one asked for; null when it is unknown",
      query: resourcesVersionSchema,
      answer: resourcesUpdateSchema.nullable(),
      handle: async ({ params, query }) => {
        const found = store.getResources(params.resources_id ?? "", query.version ?? undefined);
        return orNull(await lenient(query.strict, found, null), toWireUpdate);
      },
    }),
  ];
}

export function workerRoutes(store: LightningStore, turns: ListTurns): readonly Route[] {
  const page = pageSchema(workerSchema);
  const find = async ({ hidden, ...wire }: { readonly hidden: boolean }) => {
    const query = toQuery<WorkerQuery>(wire, sortFields.worker);
    const list = () => listingsOf(store).workers(query, hidden ? undefined : kGatewayWorker);
    return pageOf(await turns.settle(list), toWireWorker, query, turns);
  };
  return [
    defineRoute({
      method: "GET",
      path: "/workers",
      summary: "Workers",
      query: workerQuerySchema,
      answer: page,
      handle: ({ query }) => find(query),
    }),
    defineRoute({
      method: "POST",
      path: "/workers/search",
      summary: "The same, with the query in the body",
      body: workerQuerySchema,
      isBodyOptional: true,
      answer: page,
      handle: ({ body }) => find(body),
    }),
    defineRoute({
      method: "GET",
      path: "/workers/:worker_id",
      summary: "One worker; null when it is unknown",
      query: strictSchema,
      answer: workerSchema.nullable(),
      handle: async ({ params, query }) => {
        const found = store.getWorker(params.worker_id ?? "");
        return orNull(await lenient(query.strict, found, null), toWireWorker);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/workers/:worker_id",
      summary: "A worker's sign of life, which also makes it known",
      body: heartbeatSchema,
      isBodyOptional: true,
      answer: workerSchema,
      handle: async ({ params, body }) => {
        refuseNull(body, ["heartbeat_stats"]);
        const { heartbeat_stats: stats } = body;
        return toWireWorker(
          await store.heartbeat(params.worker_id ?? "", (stats ?? undefined) as Attributes),
        );
      },
    }),
    defineRoute({
      method: "GET",
      path: "/statistics",
      summary: "How much is kept",
      answer: statisticsSchema,
      handle: async () => toWireStatistics(await store.statistics()),
    }),
    defineRoute({
      method: "GET",
      path: "/health",
      summary: "Whether the server answers; needs no key",
      answer: z.object({ status: z.literal("ok") }),
      handle: async () => ({ status: "ok" }),
    }),
  ];
}

// --- internal ---

function orNull<T, W>(value: T | null, toWire: (value: T) => W): W | null {
  return value === null ? null : toWire(value);
}
