// Numbers of transactions are given out before they commit: a cursor between the two must not lose the later commit.
import pg from "pg";
import { expect, it } from "vitest";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { describePostgres } from "../../support/postgres.js";

describePostgres("changes of a PostgreSQL store", (server, newSchema) => {
  it("tell of a transaction that began before the cursor and committed after it, in any pages", async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema });
    const [slow, ...quick] = await store.enqueue([0, 1, 2, 3].map((input) => ({ input })));
    const before = await store.changes();
    const client = new pg.Client(url);
    await client.connect();
    try {
      await client.query("BEGIN");
      const set = `UPDATE "${schema}".rollouts SET changed = pg_current_xact_id()::text::int8 WHERE rollout_id = $1`;
      await client.query(set, [slow!.rolloutId]);
      for (const { rolloutId } of quick) await store.cancel(rolloutId);
      const first = await store.changes(before.cursor, 1);
      let { cursor } = first;
      const seen = [...first.items];
      for (let page = first; page.items.length === 1; cursor = page.cursor) {
        page = await store.changes(cursor, 1);
        seen.push(...page.items);
      }
      expect(seen.map(({ input }) => input)).toEqual(expect.arrayContaining([1, 2, 3]));
      await client.query("COMMIT");
      const after = await store.changes(cursor);
      expect(after.items.map(({ input }) => input)).toContain(0);
      expect((await store.changes(after.cursor)).items.length).toBeLessThan(2);
    } finally {
      await client.end();
    }
  });
});
