// What is read in parts is the page that one answer would be, whatever the query, in every store.
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { serve } from "../../src/server/store-api/serve.js";
import { claimNew, codeOf, toSpan } from "../../src/store/laws/law.js";
import { type Listing, listingsOf } from "../../src/store/listings.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openStore } from "../../src/store/open-store.js";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.js";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../src/store/store.js";
import type {
  Page,
  ResourcesQuery,
  RolloutQuery,
  SpanQuery,
  WorkerQuery,
} from "../../src/store/store-records.js";
import { describePostgres } from "../support/postgres.js";
import { temporaryFile } from "./sqlite/temporary-file.js";

const queries: readonly RolloutQuery[] = [
  {},
  { limit: 5 },
  { offset: 20 },
  { limit: 3, offset: 24 },
  { offset: 99 },
  { sortBy: "rolloutId", sortOrder: "desc" },
  { sortBy: "endTime", sortOrder: "desc", offset: 2 },
  { sortBy: "metadata" },
  { statusIn: ["cancelled"] },
  { statusIn: [] },
  { metadata: { i: { min: 10 } }, mode: "val", filterLogic: "or", sortBy: "status" },
  { metadata: { text: "\u0000" } },
];

async function isPage<T>(query: unknown, listing: Listing<T>, page: Page<T>): Promise<void> {
  for (const part of [1, 7, 100]) {
    const items: unknown[] = [];
    for (let from = 0; from < listing.length; from += part)
      items.push(...(await listing.read(from, Math.min(from + part, listing.length))));
    expect([query, part, items, listing.total]).toEqual([query, part, page.items, page.total]);
  }
}

function listingLaws(open: () => Promise<LightningStore>): void {
  it("gives the page of every query, in parts of any size", async () => {
    await using store = await open();
    const mode = (i: number) => (i % 3 === 0 ? "val" : "train");
    const rollouts = await store.enqueue(
      Array.from({ length: 25 }, (_, i) => ({ input: i, mode: mode(i), metadata: { i, text: "\u0000" } })),
    );
    for (const { rolloutId } of rollouts.slice(3, 9)) await store.cancel(rolloutId);
    await store.claim("w", 2);
    for (const query of queries) {
      await isPage(query, await listingsOf(store).rollouts(query), await store.queryRollouts(query));
    }
  });

  it("gives the page of every query of spans, workers and resources, in parts of any size", async () => {
    await using store = await open();
    const claimed = await claimNew(store, {}, "worker-claimed");
    const { rolloutId } = claimed;
    for (let i = 1; i <= 30; i++)
      await store.addSpans([toSpan(claimed, ((i * 7) % 31) + 1, ["plan", "act", "look"][i % 3])]);
    const again = await store.startAttempt(rolloutId);
    for (let i = 40; i <= 45; i++) await store.addSpans([toSpan(again, i, "act")]);
    for (const i of [3, 1, 2, 5, 4]) await store.heartbeat(`worker-${i}`, { i });
    for (const id of ["b", "a", "b", "c", "a"]) await store.updateResources(id, {});
    const listings = listingsOf(store);
    const spans: readonly SpanQuery[] = [
      {},
      { limit: 4, offset: 3 },
      { offset: 99 },
      { name: "act" },
      { nameContains: "a", limit: 5, offset: 2 },
      { name: "plan", spanIdContains: "1", filterLogic: "or", sortBy: "name" },
      { sortBy: "sequenceId", sortOrder: "desc" },
      { sortBy: "name", sortOrder: "desc", offset: 1 },
      { sortBy: "attributes" },
      { attemptId: claimed.attempt.attemptId, sortBy: "endTime", sortOrder: "desc" },
      { attemptId: "latest" },
      { attemptId: "none", name: "act" },
    ];
    for (const query of spans)
      await isPage(query, await listings.spans(rolloutId, query), await store.querySpans(rolloutId, query));
    const workers: readonly WorkerQuery[] = [
      {},
      { limit: 2, offset: 1 },
      { workerIdContains: "r-4" },
      { statusIn: ["busy"], workerIdContains: "5", filterLogic: "or" },
      { sortBy: "workerId", sortOrder: "desc" },
      { sortBy: "lastDequeueTime" },
      { sortBy: "heartbeatStats", limit: 3 },
    ];
    for (const query of workers)
      await isPage(query, await listings.workers(query), await store.queryWorkers(query));
    const resources: readonly ResourcesQuery[] = [
      {},
      { offset: 1, limit: 1 },
      { resourcesId: "b" },
      { resourcesIdContains: "" },
      { sortBy: "resourcesId" },
      { sortBy: "version", sortOrder: "desc" },
    ];
    for (const query of resources)
      await isPage(query, await listings.resources(query), await store.queryResources(query));
    expect(await codeOf(listings.spans("none", {}))).toBe("E_NOT_FOUND");
    const wrong = [
      { limit: 0 },
      { offset: -1 },
      { sortBy: "nothing" as "name" },
      { filterLogic: "xor" as "or" },
    ];
    for (const query of wrong) {
      expect([query, await codeOf(listings.spans(rolloutId, query))]).toEqual([query, "E_ARGUMENT"]);
      expect([query, await codeOf(listings.workers(query as WorkerQuery))]).toEqual([query, "E_ARGUMENT"]);
    }
  });

  it("leaves out what it is told to, of whatever it lists, and counts without it", async () => {
    await using store = await open();
    await store.enqueue([
      { input: 1, metadata: { run: "a" } },
      { input: 2, metadata: { hide: true, run: "a" } },
      { input: 3, metadata: { hide: false, run: "b" } },
    ]);
    for (const id of ["v", "w"]) await store.heartbeat(id);
    const listings = listingsOf(store);
    const queries: readonly RolloutQuery[] = [
      {},
      { metadata: { run: "a" } },
      { sortBy: "metadata" },
      { metadata: { run: "a", hide: true }, filterLogic: "or" },
      { offset: 1, limit: 5 },
    ];
    const found: unknown[] = [];
    for (const query of queries) {
      const listing = await listings.rollouts(query, "hide");
      found.push([listing.total, (await listing.read(0, listing.length)).map(({ input }) => input)]);
    }
    expect(found).toEqual([
      [2, [1, 3]],
      [1, [1]],
      [2, [3, 1]],
      [1, [1]],
      [2, [3]],
    ]);
    for (const [query, ids] of [
      [{}, ["w"]],
      [{ workerIdContains: "v" }, []],
      [{ workerIdContains: "w" }, ["w"]],
    ] as const) {
      const listing = await listings.workers(query, "v");
      const workers = await listing.read(0, listing.length);
      expect([query, listing.total, workers.map(({ workerId }) => workerId)]).toEqual([
        query,
        ids.length,
        ids,
      ]);
    }
  });

  it("leaves others their turns while it looks for what matches and for its order", async () => {
    await using store = await open();
    const claimed = await claimNew(store);
    await store.addSpans(Array.from({ length: 3000 }, (_, i) => toSpan(claimed, i + 1, `n${i % 7}`)));
    let turns = 0;
    let isOver = false;
    const count = async () => {
      for (; !isOver; turns++) await setImmediate();
    };
    const counting = count();
    const listing = await listingsOf(store).spans(claimed.rolloutId, { nameContains: "n", sortBy: "name" });
    isOver = true;
    await counting;
    expect([listing.total, turns >= 3000 / 200]).toEqual([3000, true]);
  });

  it("leaves out what was forgotten meanwhile, and doubles nothing that changed", async () => {
    await using store = await open();
    const rollouts = await store.enqueue(Array.from({ length: 6 }, (_, input) => ({ input })));
    for (const { rolloutId } of rollouts) await store.cancel(rolloutId);
    const listing = await listingsOf(store).rollouts({ statusIn: ["cancelled"] });
    const first = await listing.read(0, 2);
    await store.updateRollout(rollouts[0]!.rolloutId, { status: "queuing" });
    const rest = await listing.read(2, 6);
    expect([...first, ...rest].map(({ input }) => input)).toEqual([0, 1, 2, 3, 4, 5]);
  });
}

describe("a listing in memory", () => listingLaws(async () => createMemoryStore()));
describe("a listing over HTTP", () =>
  listingLaws(async () => {
    const store = createMemoryStore();
    const server = await serve({ store, port: 0 });
    const client = await openStore(server.url);
    const closeClient = client.close.bind(client);
    const close = async () => {
      await closeClient();
      await server.close();
    };
    return Object.assign(client, { close, [Symbol.asyncDispose]: close });
  }));
describe("a listing in SQLite", () => listingLaws(() => openSqliteStore(temporaryFile())));
describePostgres("a listing in PostgreSQL", (server, newSchema) =>
  listingLaws(async () => openPostgresStore((await server()).url, { schema: newSchema() })),
);
