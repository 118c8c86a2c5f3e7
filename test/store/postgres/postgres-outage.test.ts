import { type AddressInfo, createServer } from "node:net";
import { inspect } from "node:util";
import pg from "pg";
import { expect, it, vi } from "vitest";
import { codeOf, pause, statusesOf, toSpan } from "../../../src/store/laws/law.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { describePostgres, query as sql } from "../../support/postgres.js";
import { createPostgresProxy } from "../../support/postgres-proxy.js";

describePostgres("A store whose PostgreSQL fails", (server, newSchema) => {
  it("does every change once when the connection is lost before or after its COMMIT", async () => {
    const proxy = await createPostgresProxy((await server()).url);
    try {
      await using store = await openPostgresStore(proxy.url, { schema: newSchema() });
      for (const cut of ["before", "after"] as const) {
        const rollouts = (await store.statistics()).rollouts;
        proxy.cutNext(cut);
        const [rollout] = await store.enqueue([{ input: cut }]);
        proxy.cutNext(cut);
        const [claimed, ...none] = await store.claim("w", 5);
        expect([claimed?.rolloutId, none]).toEqual([rollout!.rolloutId, []]);
        proxy.cutNext(cut);
        expect(await store.addSpans([toSpan(claimed!, 5)])).toEqual([toSpan(claimed!, 5)]);
        proxy.cutNext(cut);
        expect(await store.nextSequenceId(rollout!.rolloutId)).toEqual(6);
        proxy.cutNext(cut);
        const ended = await store.updateAttempt(rollout!.rolloutId, "latest", { status: "succeeded" });
        expect(ended.status).toEqual("succeeded");
        expect(await store.nextSequenceId(rollout!.rolloutId)).toEqual(7);
        expect((await store.statistics()).rollouts).toEqual(rollouts + 1);
        expect(await statusesOf(store, rollout!.rolloutId)).toEqual(["succeeded", "succeeded"]);
      }
      expect(proxy.cuts).toEqual(10);
    } finally {
      await proxy.close();
    }
  });

  it("does every change once while connections are lost at any moment", async () => {
    const proxy = await createPostgresProxy((await server()).url);
    const cuts = process.env.AGL_SLOW_TESTS ? 200 : 20;
    let isOver = false;
    try {
      await using store = await openPostgresStore(proxy.url, { schema: newSchema() });
      const finished: string[] = [];
      const work = async (worker: string) => {
        while (!isOver) finished.push(await live(store, worker));
      };
      const workers = Array.from({ length: 8 }, (_, i) => work(`w${i}`));
      for (let i = 0; i < cuts; i++) {
        const before = finished.length;
        await pause(5 + ((i * 37) % 90));
        proxy.cutAll();
        // However slow the machine, it gets on; now and then the next loss comes before that.
        if (i % 3 !== 0) await until(() => finished.length > before);
      }
      isOver = true;
      await Promise.all(workers);
      expect(finished.length).toBeGreaterThan(cuts / 2);
      const { items } = await store.queryRollouts();
      expect(items.map(({ rolloutId }) => rolloutId).toSorted()).toEqual(finished.toSorted());
      expect(items.filter(({ status }) => status !== "succeeded")).toEqual([]);
      const { attempts, spans } = await store.statistics();
      expect([attempts, spans]).toEqual([finished.length, 2 * finished.length]);
    } finally {
      await proxy.close();
    }
  });

  it("says that an outcome is unknown when nobody can tell it in time, and that nothing was kept when so", async () => {
    const proxy = await createPostgresProxy((await server()).url);
    try {
      const store = await openPostgresStore(proxy.url, { schema: newSchema(), timeoutMs: 500 });
      proxy.cutNext("after", "down");
      const start = performance.now();
      const error = await store.enqueue([{ input: 1 }]).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "E_STORE", message: expect.stringContaining("is unknown") });
      const later = await store.enqueue([{ input: 2 }]).catch((reason: unknown) => reason);
      expect(later).toMatchObject({
        code: "E_STORE",
        message: expect.stringContaining("nothing was changed"),
      });
      expect(await codeOf(store.queryRollouts())).toEqual("E_STORE");
      expect(performance.now() - start).toBeLessThan(8000);
      await store.close();
    } finally {
      await proxy.close();
    }
  });

  it("goes on after the database crashed in the middle of a run, with nothing lost and waits still woken", async ({
    skip,
  }) => {
    const { url, ours } = await server();
    if (ours === undefined) return skip("the server that AGL_POSTGRES_URL names is not ours to stop");
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema, pollMs: 60_000 });
    await using waiting = await openPostgresStore(url, { schema, pollMs: 60_000 });
    let isOver = false;
    const finished: string[] = [];
    const work = async (worker: string) => {
      while (!isOver) finished.push(await live(store, worker));
    };
    const workers = Array.from({ length: 8 }, (_, i) => work(`w${i}`));
    for (const how of ["immediate", "fast"] as const) {
      const before = finished.length;
      await until(() => finished.length > before + 20);
      await ours.stop(how);
      await pause(200);
      await ours.start();
      await until(() => finished.length > before + 40);
    }
    isOver = true;
    await Promise.all(workers);
    const { items } = await store.queryRollouts();
    expect(items.map(({ rolloutId }) => rolloutId).toSorted()).toEqual(finished.toSorted());
    expect(items.filter(({ status }) => status !== "succeeded")).toEqual([]);
    const { attempts, spans } = await store.statistics();
    expect([attempts, spans]).toEqual([finished.length, 2 * finished.length]);
    // Its ears are back too: it looks by itself only once a minute.
    const claim = waiting.claim("late", 1, { timeoutMs: 20_000 });
    await pause(50);
    await store.enqueue([{ input: "late" }]);
    expect((await claim).map(({ input }) => input)).toEqual(["late"]);
  });

  it("tries again what the database undid for the sake of another transaction", async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema });
    const [rollout] = await store.enqueue([{ input: 1 }]);
    // A sequence keeps counting in transactions that are undone.
    await sql(url, `CREATE SEQUENCE "${schema}".tries`);
    await sql(
      url,
      `CREATE FUNCTION "${schema}".fail() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE i int; BEGIN
         i := nextval('"${schema}".tries');
         IF i = 1 THEN RAISE EXCEPTION USING ERRCODE = '40P01'; END IF;
         IF i = 2 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
         RETURN NEW; END $$`,
    );
    await sql(
      url,
      `CREATE TRIGGER fail BEFORE UPDATE ON "${schema}".rollouts FOR EACH ROW EXECUTE FUNCTION "${schema}".fail()`,
    );
    expect((await store.cancel(rollout!.rolloutId)).status).toEqual("cancelled");
    expect(await sql(url, `SELECT nextval('"${schema}".tries') AS next`)).toEqual([{ next: "4" }]);
  });

  it("lets a call that another transaction blocks fail alone", async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema, statementTimeoutMs: 1000 });
    const [blocked, free] = await store.enqueue([{ input: 1 }, { input: 2 }]);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query("BEGIN");
    await other.query(`SELECT 1 FROM "${schema}".rollouts WHERE rollout_id = $1 FOR UPDATE`, [
      blocked!.rolloutId,
    ]);
    const calls = [store.cancel(blocked!.rolloutId), store.cancel(free!.rolloutId), store.heartbeat("w")];
    expect(await Promise.all(calls.map(codeOf))).toEqual(["E_STORE", "resolved", "resolved"]);
    expect(await store.claim("w")).toEqual([]);
    await other.query("ROLLBACK");
    await other.end();
    expect((await store.claim("w")).map(({ input }) => input)).toEqual([1]);
  });

  it("is an E_STORE within its deadline for a wrong password, a closed port and one that never answers", async () => {
    const { url: right, ours } = await server();
    const wrong = new URL(right);
    wrong.password = "s3cret-wrong";
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as AddressInfo;
    const urls = [
      // Another server may trust everyone.
      ...(ours === undefined ? [] : [wrong.href]),
      "postgres://agl:s3cret-wrong@127.0.0.1:9/postgres",
      `postgres://agl:s3cret-wrong@127.0.0.1:${port}/postgres`,
    ];
    for (const url of urls) {
      const start = performance.now();
      const error = await openPostgresStore(url, { connectTimeoutMs: 500 }).catch(
        (reason: unknown) => reason,
      );
      expect([url, error]).toEqual([url, expect.objectContaining({ code: "E_STORE" })]);
      expect(inspect(error, { depth: 10 })).not.toContain("s3cret");
      expect(performance.now() - start).toBeLessThan(3000);
    }
    const broken = await openPostgresStore("postgres://agl:s3cret-%%@@[::/").catch(
      (reason: unknown) => reason,
    );
    expect(broken).toMatchObject({ code: "E_ARGUMENT" });
    expect(inspect(broken, { depth: 10 })).not.toContain("s3cret");
    mute.close();
  });

  it("names what to install when there is no driver", async () => {
    vi.resetModules();
    vi.doMock("pg", () => {
      throw new Error("Cannot find package 'pg'");
    });
    try {
      const { openPostgresStore: openWithout } = await import(
        "../../../src/store/postgres/open-postgres-store.js"
      );
      const error = await openWithout("postgres://localhost/none").catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "E_ARGUMENT", message: expect.stringContaining("npm install pg") });
    } finally {
      vi.doUnmock("pg");
      vi.resetModules();
    }
  });
});

// --- internal ---

/** From the queue to its end; the id of the rollout that it took. */
async function live(store: LightningStore, worker: string): Promise<string> {
  await store.enqueue([{ input: worker }]);
  const [claimed] = await store.claim(worker, 1, { timeoutMs: 20_000 });
  const { rolloutId } = claimed!;
  const spans = [toSpan(claimed!, 1), toSpan(claimed!, 2)];
  expect(await store.addSpans(spans)).toEqual(spans);
  await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
  return rolloutId;
}

async function until(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error("until: expected it to become true within 20 s");
    await pause(10);
  }
}
