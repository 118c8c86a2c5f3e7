// A clock that is set back, by NTP or by hand, puts off no limit of a store for longer than the limit itself.
import { afterEach, describe, expect, it, vi } from "vitest";
import { serve } from "../../src/server/store-api/serve.js";
import { openHttpStore } from "../../src/store/http/open-http-store.js";
import { claimNew, kPatienceMs, pause, statusesOf, toSpan, until } from "../../src/store/laws/law.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.js";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { describePostgres, query } from "../support/postgres.js";
import { temporaryFile } from "./sqlite/temporary-file.js";

const kDay = 86_400;

/** Sets the clock by so many seconds from what it truly is. */
type SetClock = (seconds: number) => Promise<void>;

const realNow = Date.now;
const setOurClock: SetClock = async (seconds) => {
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + seconds * 1000);
};
afterEach(() => {
  vi.restoreAllMocks();
});

interface ClockCase {
  readonly name: string;
  check(store: LightningStore, setClock: SetClock): Promise<void>;
}

const ended = async (store: LightningStore, id: string): Promise<readonly string[]> => {
  await store.waitForRollouts([id], { timeoutMs: kPatienceMs });
  return statusesOf(store, id);
};

const cases: readonly ClockCase[] = [
  {
    name: "ends an attempt that takes too long",
    async check(store, setClock) {
      const { rolloutId } = await claimNew(store, { timeoutSeconds: 0.3 });
      await setClock(-kDay);
      expect(await ended(store, rolloutId)).toEqual(["failed", "timeout"]);
    },
  },
  {
    name: "ends one that was given a sign of life before, and is silent",
    async check(store, setClock) {
      const { rolloutId } = await claimNew(store, { unresponsiveSeconds: 0.3 });
      await store.updateAttempt(rolloutId, "latest", { status: "running", lastHeartbeatTime: 1e12 });
      await setClock(-kDay);
      expect(await ended(store, rolloutId)).toEqual(["failed", "unresponsive"]);
    },
  },
  {
    name: "ends one that takes too long although it speaks",
    async check(store, setClock) {
      const claimed = await claimNew(store, { timeoutSeconds: 0.5, unresponsiveSeconds: 10 });
      await setClock(-kDay);
      for (let i = 1; i <= 4; i++) {
        await store.addSpans([toSpan(claimed, i)]);
        await pause(50);
      }
      expect(await ended(store, claimed.rolloutId)).toEqual(["failed", "timeout"]);
    },
  },
  {
    name: "tries again what times out and has tries left",
    async check(store, setClock) {
      const retried = { timeoutSeconds: 0.3, maxAttempts: 2, retryCondition: ["timeout"] } as const;
      const { rolloutId } = await claimNew(store, retried);
      await setClock(-kDay);
      await until(async () => (await store.getRollout(rolloutId)).status === "requeuing");
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "timeout"]);
    },
  },
  {
    name: "gives away again what its worker never began, whatever sign the worker gave before",
    async check(store, setClock) {
      await store.heartbeat("w");
      const { rolloutId } = await claimNew(store, {}, "w");
      await store.heartbeat("w");
      await setClock(-kDay);
      await until(async () => (await store.getRollout(rolloutId)).status === "requeuing");
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "unresponsive"]);
    },
  },
  {
    name: "keeps the limits of what begins after it, and leaves alone what has none or speaks",
    async check(store, setClock) {
      const free = await claimNew(store, {}, null);
      await store.updateAttempt(free.rolloutId, "latest", { status: "running" });
      const early = await claimNew(store, { timeoutSeconds: 60 });
      await setClock(-kDay);
      const talker = await claimNew(store, { unresponsiveSeconds: 0.6 });
      const late = await claimNew(store, { timeoutSeconds: 0.2 });
      const talk = async (i: number) => store.addSpans([toSpan(talker, i)]);
      for (let i = 1; i <= 8; i++) await talk(i).then(() => pause(150));
      expect(await statusesOf(store, late.rolloutId)).toEqual(["failed", "timeout"]);
      const running = await Promise.all(
        [free, early, talker].map(({ rolloutId }) => statusesOf(store, rolloutId)),
      );
      expect(running.map(([status]) => status)).toEqual(["running", expect.any(String), "running"]);
      expect(running[1]).not.toContain("timeout");
    },
  },
  {
    name: "holds when the clock is set back twice, and forth again",
    async check(store, setClock) {
      const run = async (timeoutSeconds: number) => {
        const { rolloutId } = await claimNew(store, { timeoutSeconds });
        await store.updateAttempt(rolloutId, "latest", { status: "running" });
        return { rolloutId };
      };
      const { rolloutId } = await run(0.5);
      await setClock(-kDay);
      await pause(100);
      await setClock(-3 * kDay);
      expect(await ended(store, rolloutId)).toEqual(["failed", "timeout"]);
      const second = await run(60);
      await setClock(0);
      expect(await ended(store, second.rolloutId)).toEqual(["failed", "timeout"]);
    },
  },
  {
    name: "moves no wait's timeout",
    async check(store, setClock) {
      const [rollout] = await store.enqueue([{ input: 1 }]);
      const id = rollout?.rolloutId ?? "";
      const start = performance.now();
      const waits = [
        store.waitForRollouts([id], { timeoutMs: 300 }),
        store.cancel(id).then(() => store.claim("w", 1, { timeoutMs: 300 })),
      ];
      await setClock(-kDay);
      await Promise.all(waits);
      expect(performance.now() - start).toBeLessThan(kPatienceMs / 2);
      expect((await store.statistics()).uptimeSeconds).toBeGreaterThanOrEqual(0);
    },
  },
];

function clockLaws(
  name: string,
  open: () => Promise<LightningStore>,
  clockOf: () => SetClock | Promise<SetClock> = () => setOurClock,
): void {
  describe(`${name}, when the clock is set back`, () => {
    it.each(cases)("$name", async ({ check }) => {
      const setClock = await clockOf();
      await setClock(0);
      await using store = await open();
      await check(store, setClock);
    });
  });
}

const options = { preparingSeconds: 0.4 };
clockLaws("memory", async () => createMemoryStore(options));
clockLaws("SQLite", () => openSqliteStore(temporaryFile(), options));
clockLaws("HTTP", async () => {
  const store = createMemoryStore(options);
  const server = await serve({ store, port: 0 });
  const client = await openHttpStore(server.url, { timeoutMs: 5000 });
  const close = client.close.bind(client);
  const closeAll = async () => {
    await close();
    await server.close();
    await store.close();
  };
  return Object.assign(client, { close: closeAll, [Symbol.asyncDispose]: closeAll });
});

describe("SQLite, when the clock was set back while nobody had the file open", () => {
  it.each([
    ["timeoutSeconds", { timeoutSeconds: 0.3 }, "timeout"],
    ["unresponsiveSeconds", { unresponsiveSeconds: 0.3 }, "unresponsive"],
  ])("ends what was left by %s", async (_, config, status) => {
    const path = temporaryFile();
    const before = await openSqliteStore(path, options);
    const { rolloutId } = await claimNew(before, config);
    await before.updateAttempt(rolloutId, "latest", { status: "running" });
    await before.close();
    await setOurClock(-kDay);
    await using after = await openSqliteStore(path, options);
    expect(await ended(after, rolloutId)).toEqual(["failed", status]);
    const { startTime } = (await after.getLatestAttempt(rolloutId)) ?? { startTime: Number.NaN };
    expect(startTime).toBeLessThanOrEqual(Date.now() / 1000);
  });
});

describePostgres("PostgreSQL with a clock that can be set", (server, newSchema) => {
  // A function of the schema that is looked at before PostgreSQL's own.
  const skewed = async () => {
    const { url } = await server();
    const at = new URL(url);
    at.searchParams.set("options", "-c search_path=skew,pg_catalog");
    return { url, skewedUrl: at.href };
  };
  const setClock = async (): Promise<SetClock> => {
    const { url } = await skewed();
    return async (seconds) => {
      await query(url, "CREATE SCHEMA IF NOT EXISTS skew");
      await query(
        url,
        `CREATE OR REPLACE FUNCTION skew.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
          $$ SELECT pg_catalog.clock_timestamp() + interval '${seconds} seconds' $$`,
      );
    };
  };
  clockLaws(
    "it",
    async () =>
      openPostgresStore((await skewed()).skewedUrl, { ...options, schema: newSchema(), pollMs: 200 }),
    setClock,
  );
});
