// What is read in parts is the page that one answer would be, whatever the query, in every store.
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.js";
import { listRollouts } from "../../src/store/rollout-listing.js";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../src/store/store.js";
import type { RolloutQuery } from "../../src/store/store-records.js";
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
      const page = await store.queryRollouts(query);
      const listing = await listRollouts(store, query);
      for (const part of [1, 7, 100]) {
        const items: unknown[] = [];
        for (let from = 0; from < listing.length; from += part)
          items.push(...(await listing.read(from, Math.min(from + part, listing.length))));
        expect([query, part, items, listing.total]).toEqual([query, part, page.items, page.total]);
      }
    }
  });

  it("leaves out what was forgotten meanwhile, and doubles nothing that changed", async () => {
    await using store = await open();
    const rollouts = await store.enqueue(Array.from({ length: 6 }, (_, input) => ({ input })));
    for (const { rolloutId } of rollouts) await store.cancel(rolloutId);
    const listing = await listRollouts(store, { statusIn: ["cancelled"] });
    const first = await listing.read(0, 2);
    await store.updateRollout(rollouts[0]!.rolloutId, { status: "queuing" });
    const rest = await listing.read(2, 6);
    expect([...first, ...rest].map(({ input }) => input)).toEqual([0, 1, 2, 3, 4, 5]);
  });
}

describe("a listing in memory", () => listingLaws(async () => createMemoryStore()));
describe("a listing in SQLite", () => listingLaws(() => openSqliteStore(temporaryFile())));
describePostgres("a listing in PostgreSQL", (server, newSchema) =>
  listingLaws(async () => openPostgresStore((await server()).url, { schema: newSchema() })),
);
