import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { openHttpStore } from "../../../src/store/http/open-http-store.js";
import { storeLaws } from "../../../src/store/laws.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import {
  openPostgresStore,
  type PostgresStoreOptions,
} from "../../../src/store/postgres/open-postgres-store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { describePostgres } from "../../support/postgres.js";
import { temporaryFile } from "../sqlite/temporary-file.js";

const runner = { describe, it, expect };

/** A client of a server over the store; closing it closes all three. */
async function served(store: LightningStore): Promise<LightningStore> {
  const server = await serve({ store, port: 0 });
  const client = await openHttpStore(server.url, { timeoutMs: 5000 });
  const close = client.close.bind(client);
  client.close = async () => {
    await close();
    await server.close();
    await store.close();
  };
  return client;
}

storeLaws("HTTP over memory", (options) => served(createMemoryStore(options)), runner);
storeLaws(
  "HTTP over SQLite",
  async (options) => served(await openSqliteStore(temporaryFile(), options)),
  runner,
);
describePostgres("HTTP over PostgreSQL", (server, newSchema) => {
  const open = async (options: PostgresStoreOptions) =>
    openPostgresStore((await server()).url, { ...options, schema: newSchema() });
  storeLaws("HTTP over PostgreSQL", async (options) => served(await open(options)), runner);
});
