import { escapeIdentifier } from "pg";
import { expect, it } from "vitest";
import { philox4x32 } from "../../../src/base/philox.js";
import { toSpan } from "../../../src/store/laws/law.js";
import { matchesRollout, matchesSpan } from "../../../src/store/matches.js";
import { sortFields, toPage } from "../../../src/store/paging.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import type { RolloutQuery, SpanQuery } from "../../../src/store/store-records.js";
import type { RolloutMode, RolloutStatus } from "../../../src/types/rollout.js";
import { describePostgres, query as sql } from "../../support/postgres.js";

describePostgres("Queries in PostgreSQL", (server, newSchema) => {
  const open = async (schema = newSchema()) => openPostgresStore((await server()).url, { schema });

  it("give the pages of rollouts that paging and matches give", async () => {
    await using store = await open();
    await fill(store);
    const { items: all, total } = await store.queryRollouts();
    expect([total, all.map(({ input }) => (input as { i: number }).i)]).toEqual([40, [...Array(40).keys()]]);
    const random = createRandom(1);
    for (let i = 0; i < 150; i++) {
      const query = rolloutQuery(random, all[random(40)]!.rolloutId);
      const matched = all.filter((rollout) => matchesRollout(rollout, query));
      const expected = toPage("test", matched, query, sortFields.rollout);
      expect([query, await store.queryRollouts(query)]).toEqual([query, expected]);
    }
  });

  it("give the pages of spans that paging and matches give", async () => {
    await using store = await open();
    const claimed = await store.startRollout({ input: 1 });
    const random = createRandom(2);
    const spans = Array.from({ length: 60 }, (_, i) => ({
      ...toSpan(claimed, 1 + random(20), `name ${random(4)}`),
      spanId: `span ${i}`,
      parentId: random(3) === 0 ? null : `span ${random(9)}`,
      endTime: random(3) === 0 ? null : random(9),
    }));
    await store.addSpans(spans);
    const again = await store.startAttempt(claimed.rolloutId);
    const late = [2, 1].map((place) => toSpan(again, place));
    await store.addSpans(late);
    for (let i = 0; i < 150; i++) {
      const query = spanQuery(random);
      const ofAttempt = query.attemptId === "latest" ? late : [...spans, ...late];
      const matched = ofAttempt.filter((span) => matchesSpan(span, query));
      const expected = toPage("test", matched, { sortBy: "sequenceId", ...query }, sortFields.span);
      expect([query, await store.querySpans(claimed.rolloutId, query)]).toEqual([query, expected]);
    }
  });

  it("find ids and keep records with every character there is", async () => {
    await using store = await open();
    const odd = "a\0b\\u0000\"'\u2028\ud800 ü😀%_";
    const worker = await store.heartbeat(odd, { text: odd });
    expect(await store.getWorker(odd)).toEqual(worker);
    expect((await store.queryWorkers({ workerIdContains: "\0b\\" })).items).toEqual([worker]);
    const resources = await store.updateResources(odd, {});
    expect(await store.getResources(odd)).toEqual(resources);
    const [rollout] = await store.enqueue([{ input: { [odd]: odd }, metadata: { odd }, resourcesId: odd }]);
    expect(await store.getRollout(rollout!.rolloutId)).toEqual(rollout);
    const [claimed] = await store.claim(odd);
    const span = { ...toSpan(claimed!, 1), spanId: odd, name: odd, traceId: odd, attributes: { odd } };
    expect(await store.addSpans([span, { ...span, spanId: "a" }])).toEqual([span, { ...span, spanId: "a" }]);
    expect(await store.addSpans([span])).toEqual([null]);
    expect((await store.querySpans(rollout!.rolloutId, { spanId: odd })).items).toEqual([span]);
    expect((await store.queryRollouts({ rolloutIdContains: "\0" })).items).toEqual([]);
  });

  it("stay within their schema, whatever its name", async () => {
    const { url } = await server();
    const name = newSchema().slice(-8);
    const names = [
      `a"; DROP SCHEMA public CASCADE; --${name}`,
      `it's \\ $1 ${name}`,
      `${"ü".repeat(20)} ${name}`,
    ];
    const stores = await Promise.all(names.map((name) => open(name)));
    for (const [i, store] of stores.entries()) await store.enqueue([{ input: i }]);
    for (const [i, store] of stores.entries()) {
      expect((await store.queryRollouts()).items.map(({ input }) => input)).toEqual([i]);
      expect((await store.claim("w")).map(({ input }) => input)).toEqual([i]);
      await store.close();
    }
    const found = await sql(url, "SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)", [
      [...names, "public"],
    ]);
    expect(found.map(({ nspname }) => nspname).toSorted()).toEqual([...names, "public"].toSorted());
    for (const each of names) await sql(url, `DROP SCHEMA ${escapeIdentifier(each)} CASCADE`);
  });
});

// --- internal ---

type Random = (below: number) => number;

function createRandom(seed: number): Random {
  let counter = 0;
  const bits = new Uint32Array(4);
  return (below) => {
    philox4x32([counter++, 0, 0, 0], seed, 0x9e37, bits);
    return bits[0]! % below;
  };
}

const kModes: readonly (RolloutMode | null)[] = [null, "train", "val", "test"];
const kStatuses: readonly RolloutStatus[] = ["queuing", "preparing", "succeeded", "failed", "cancelled"];

/** Forty rollouts in several states, with ties and nulls. */
async function fill(store: LightningStore): Promise<void> {
  const modes = Array.from({ length: 40 }, (_, i) => kModes[i % 4]!);
  const rollouts = await store.enqueue(
    modes.map((mode, i) => ({ input: { i }, mode, metadata: { even: i % 2 } })),
  );
  for (const { rolloutId } of await store.claim("w", 20))
    if (rolloutId.charCodeAt(3) % 2 === 0)
      await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
  await store.cancel(rollouts[30]!.rolloutId);
}

function rolloutQuery(random: Random, someId: string): RolloutQuery {
  const maybe = <T extends object>(fields: T): Partial<T> => (random(2) === 0 ? fields : {});
  return {
    ...maybe({ statusIn: kStatuses.filter(() => random(2) === 0) }),
    ...maybe({ rolloutIdIn: [someId, "ro-none"] }),
    ...maybe({ rolloutIdContains: someId.slice(3, 3 + random(3)) }),
    ...maybe({ filterLogic: random(2) === 0 ? ("and" as const) : ("or" as const) }),
    ...maybe({ sortBy: sortFields.rollout[random(sortFields.rollout.length)] as "status" }),
    ...maybe({ sortOrder: random(2) === 0 ? ("asc" as const) : ("desc" as const) }),
    ...maybe({ limit: 1 + random(9) }),
    ...maybe({ offset: random(50) }),
  };
}

function spanQuery(random: Random): SpanQuery {
  const maybe = <T extends object>(fields: T): Partial<T> => (random(3) === 0 ? fields : {});
  return {
    ...maybe({ attemptId: "latest" as const }),
    ...maybe({ name: `name ${random(4)}` }),
    ...maybe({ parentIdContains: `${random(9)}` }),
    ...maybe({ filterLogic: random(2) === 0 ? ("and" as const) : ("or" as const) }),
    ...maybe({ sortBy: sortFields.span[random(sortFields.span.length)] as "name" }),
    ...maybe({ sortOrder: random(2) === 0 ? ("asc" as const) : ("desc" as const) }),
    ...maybe({ limit: 1 + random(9) }),
    ...maybe({ offset: random(70) }),
  };
}
