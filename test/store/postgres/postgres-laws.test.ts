import { describe, expect, it } from "vitest";
import { storeLaws } from "../../../src/store/laws.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { describePostgres } from "../../support/postgres.js";

describePostgres("PostgreSQL", (server, newSchema) => {
  const open = async () => openPostgresStore((await server()).url, { schema: newSchema() });
  storeLaws("postgres", open, { describe, it, expect });
});
