import { expect, it } from "vitest";
import { codeOf, pause, statusesOf, toSpan } from "../../../src/store/laws/law.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { describePostgres, query as sql } from "../../support/postgres.js";

describePostgres("Two stores on one schema of PostgreSQL", (server, newSchema) => {
  const open = async (schema: string) => openPostgresStore((await server()).url, { schema });

  it("hand each queued rollout to one claimer of either", async () => {
    const schema = newSchema();
    await using one = await open(schema);
    await using other = await open(schema);
    const queued = await one.enqueue(Array.from({ length: 200 }, (_, input) => ({ input })));
    const claims = await Promise.all(
      Array.from({ length: 240 }, (_, i) => (i % 2 === 0 ? one : other).claim(`w${i % 8}`)),
    );
    // A claim that came while the other store held the rest may have found nothing.
    const rest = [...(await one.claim("w", 500)), ...(await other.claim("w", 500))];
    const claimed = [...claims.flat(), ...rest].map(({ rolloutId }) => rolloutId);
    expect(claimed.toSorted()).toEqual(queued.map(({ rolloutId }) => rolloutId).toSorted());
    expect((await other.statistics()).attempts).toEqual(200);
  });

  it("let one of two callers that race for an attempt's end win, every time", async () => {
    const schema = newSchema();
    await using one = await open(schema);
    await using other = await open(schema);
    for (let i = 0; i < 30; i++) {
      const { rolloutId } = await one.startRollout({ input: i });
      const codes = await Promise.all([
        codeOf(one.updateAttempt(rolloutId, "latest", { status: "succeeded" })),
        codeOf(other.updateAttempt(rolloutId, "latest", { status: "failed" })),
      ]);
      expect(codes.toSorted()).toEqual(["E_STATE", "resolved"]);
      const expected = codes[0] === "resolved" ? "succeeded" : "failed";
      expect(await statusesOf(other, rolloutId)).toEqual([expected, expected]);
    }
  });

  it("give each place in a rollout once, and keep a span that both send once", async () => {
    const schema = newSchema();
    await using one = await open(schema);
    await using other = await open(schema);
    const claimed = await one.startRollout({ input: 1 });
    const take = (i: number) => (i % 2 === 0 ? one : other).nextSequenceId(claimed.rolloutId);
    const taken = await Promise.all(Array.from({ length: 40 }, (_, i) => take(i)));
    expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const span = toSpan(claimed, 1);
    const kept = await Promise.all([one.addSpans([span]), other.addSpans([span])]);
    expect(kept.flat().toSorted()).toEqual([span, null]);
  });

  it("wake each other's waits, of claims and for ends, long before they would look", async () => {
    const schema = newSchema();
    const { url } = await server();
    await using one = await openPostgresStore(url, { schema, pollMs: 60_000 });
    await using other = await open(schema);
    const start = performance.now();
    const claim = one.claim("w", 1, { timeoutMs: 20_000 });
    await pause(50);
    const [queued] = await other.enqueue([{ input: 1 }]);
    expect((await claim).map(({ rolloutId }) => rolloutId)).toEqual([queued!.rolloutId]);
    const end = other.waitForRollouts([queued!.rolloutId], { timeoutMs: 20_000 });
    await pause(50);
    await one.updateAttempt(queued!.rolloutId, "latest", { status: "succeeded" });
    expect((await end).map(({ status }) => status)).toEqual(["succeeded"]);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("end what is overdue for a store that died, by the database's clock", async () => {
    const schema = newSchema();
    const { url } = await server();
    const lost = await open(schema);
    const { rolloutId } = await lost.startRollout({ input: 1, config: { timeoutSeconds: 0.5 } }, "w");
    await lost.close();
    // A machine whose clock is an hour ahead must not end what has time left.
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
    try {
      await using other = await openPostgresStore(url, { schema, pollMs: 50 });
      const patient = await other.startRollout({ input: 2, config: { timeoutSeconds: 60 } });
      expect(Math.abs(patient.startTime * 1000 - now())).toBeLessThan(60_000);
      const ended = await other.waitForRollouts([rolloutId], { timeoutMs: 10_000 });
      expect(ended.map(({ status }) => status)).toEqual(["failed"]);
      expect(await statusesOf(other, rolloutId)).toEqual(["failed", "timeout"]);
      expect(await statusesOf(other, patient.rolloutId)).toEqual(["preparing", "preparing"]);
    } finally {
      Date.now = now;
    }
  });

  it("are opened by many at once, and refuse a newer schema and tables that are no store's", async () => {
    const schema = newSchema();
    const { url } = await server();
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(schema)));
    for (const store of stores) await store.close();
    await sql(url, `UPDATE "${schema}".agentlightning SET version = version + 1`);
    expect(await codeOf(open(schema))).toEqual("E_STORE");
    const foreign = newSchema();
    await sql(url, `CREATE SCHEMA "${foreign}"`);
    await sql(url, `CREATE TABLE "${foreign}".spans (id int)`);
    expect(await codeOf(open(foreign))).toEqual("E_STORE");
    expect(await sql(url, `SELECT * FROM "${foreign}".spans`)).toEqual([]);
    for (const name of ["", "a\0b", "x".repeat(64), "pg_temp", "information_schema", "\ud800"])
      expect([name, await codeOf(open(name))]).toEqual([name, "E_ARGUMENT"]);
  });
});
