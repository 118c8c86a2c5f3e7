// A schema as the first version left it: without its later indexes, its rollouts without what they came to have.
import { expect, it } from "vitest";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { describePostgres, query as sql } from "../../support/postgres.js";

describePostgres("A schema of the first version in PostgreSQL", (server, newSchema) => {
  it("is brought forward: its rollouts are bound to no known version, and none prepares for ever", async () => {
    const { url } = await server();
    const schema = newSchema();
    const before = await openPostgresStore(url, { schema });
    await before.updateResources("mine", {});
    await before.startRollout({ input: "left", metadata: { run: "old", odd: "\u0000" } }, "gone");
    await before.close();
    for (const index of ["rollouts_by_status", "spans_by_place", "workers_by_place"])
      await sql(url, `DROP INDEX "${schema}".${index}`);
    await sql(url, `ALTER TABLE "${schema}".rollouts DROP COLUMN changed, DROP COLUMN labels`);
    await sql(
      url,
      `UPDATE "${schema}".rollouts SET deadline = NULL, body = replace(body::text, '"resourcesVersion":1,', '')::json`,
    );
    await sql(url, `UPDATE "${schema}".agentlightning SET version = 1`);

    await using after = await openPostgresStore(url, { schema, preparingSeconds: 0.05, pollMs: 50 });
    const [{ resourcesId, resourcesVersion } = { resourcesId: null, resourcesVersion: 0 }] = (
      await after.queryRollouts()
    ).items;
    expect([resourcesId, resourcesVersion]).toEqual(["mine", null]);
    for (const metadata of [{ run: "old" }, { odd: "\u0000" }] as Record<string, string>[])
      expect((await after.queryRollouts({ metadata })).total).toBe(1);
    expect((await after.changes()).items.length).toBe(1);
    const [again] = await after.claim("w", 1, { timeoutMs: 10_000 });
    expect([again?.input, again?.attempt.sequenceId, again?.resourcesVersion]).toEqual(["left", 2, null]);
    const [fresh] = await after.enqueue([{ input: "fresh" }]);
    expect(fresh?.resourcesVersion).toBe(1);
    const indexes = await sql(url, `SELECT indexname FROM pg_indexes WHERE schemaname = '${schema}'`);
    for (const indexname of ["rollouts_by_status", "spans_by_place", "workers_by_place"])
      expect(indexes).toContainEqual({ indexname });
  });
});
