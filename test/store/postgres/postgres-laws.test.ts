import { describe, expect, it } from "vitest";
import { storeLaws } from "../../../src/store/laws.js";
import {
  openPostgresStore,
  type PostgresStoreOptions,
} from "../../../src/store/postgres/open-postgres-store.js";
import { describePostgres } from "../../support/postgres.js";

describePostgres("PostgreSQL", (server, newSchema) => {
  const open = async (options: PostgresStoreOptions) =>
    openPostgresStore((await server()).url, { ...options, schema: newSchema() });
  storeLaws("postgres", open, { describe, it, expect });
});
