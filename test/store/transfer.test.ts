import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toSpan } from "../../src/store/laws/law.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openStore } from "../../src/store/open-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { exportLines, importLines } from "../../src/store/transfer.js";

/** A store with a bit of everything. */
async function fill(store: LightningStore): Promise<void> {
  await store.updateResources("rs-b", {
    p: { resourceType: "prompt_template", template: "1", engine: "jinja" },
  });
  await store.addResources({});
  const llm = { endpoint: "http://h/v1", model: "m", apiKey: null, samplingParameters: { temperature: 0 } };
  await store.updateResources("rs-b", { m: { resourceType: "llm", ...llm } });
  const config = { maxAttempts: 3, retryCondition: ["failed"] as const, timeoutSeconds: 1000 };
  await store.enqueue(
    ["a", { b: [1, null] }, null, 0].map((input) => ({ input, config, metadata: { input } })),
  );
  const [first, second] = await store.claim("worker 1", 2);
  for (const i of [3, 1, 2]) await store.addSpans([toSpan(first!, i)]);
  await store.addSpans([{ ...toSpan(second!, 9), extra: { links: [] } }]);
  await store.updateAttempt(first!.rolloutId, "latest", { status: "failed", metadata: { error: "x" } });
  const [again] = await store.claim("worker 2", 2);
  await store.addSpans([toSpan(again!, 4)]);
  await store.heartbeat("worker 1", { cpu: 0.5 });
  await store.startRollout({ input: "z", mode: "val" });
  await store.enqueue([{ input: "late" }]);
}

/** Everything that queries show, in order. */
async function seen(store: LightningStore) {
  const { items: rollouts } = await store.queryRollouts();
  const { items: resources } = await store.queryResources();
  const ofEach = await Promise.all(
    rollouts.map(async ({ rolloutId }) => ({
      attempts: (await store.queryAttempts(rolloutId)).items,
      spans: (await store.querySpans(rolloutId)).items,
    })),
  );
  const { name: _name, uptimeSeconds: _uptime, ...counts } = await store.statistics();
  return {
    ...{ rollouts, ofEach, counts, resources, latest: await store.getLatestResources() },
    first: await store.getResources("rs-b", 1),
    workers: (await store.queryWorkers()).items,
  };
}

async function linesOf(store: LightningStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportLines(store)) lines.push(line);
  return lines;
}

async function* each(lines: readonly string[]) {
  yield* lines;
}

const load = (store: LightningStore, lines: readonly string[]) => importLines(store, () => each(lines));

async function filled(): Promise<{ store: LightningStore; lines: string[] }> {
  const store = createMemoryStore();
  await fill(store);
  return { store, lines: await linesOf(store) };
}

describe("an exported store", () => {
  it("answers every query the same after it was imported, and is the same file again", async () => {
    const { store, lines } = await filled();
    const copy = createMemoryStore();
    expect(await load(copy, lines)).toEqual({ resources: 3, rollouts: 6, spans: 5, workers: 2 });
    expect(await seen(copy)).toEqual(await seen(store));
    expect((await linesOf(copy)).slice(1)).toEqual(lines.slice(1));
  });

  it.each(["memory", "sqlite"])(
    "keeps all of it on its way through SQLite and back into %s",
    async (last) => {
      const { store, lines } = await filled();
      const folder = mkdtempSync(join(tmpdir(), "agl-transfer-"));
      try {
        await using file = await openStore(`sqlite:${folder}/a.db`);
        await load(file, lines);
        expect(await seen(file)).toEqual(await seen(store));
        const error = await load(file, lines).catch((e) => e);
        expect(error.code).toBe("E_STATE");
        const again = await linesOf(file);
        await using copy = last === "memory" ? createMemoryStore() : await openStore(`sqlite:${folder}/b.db`);
        await load(copy, again);
        expect(await seen(copy)).toEqual(await seen(store));
        expect((await copy.claim("w", 9)).length).toBe(2);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it("has what JSON made of numbers that are none, and attributes of any name", async () => {
    const store = createMemoryStore();
    const claimed = await store.startRollout({ input: 1 });
    const attributes = JSON.parse(
      '{ "__proto__": "p", "list": [1, null], "none": null, "mixed": ["a", "b"] }',
    );
    await store.addSpans([{ ...toSpan(claimed, 1), attributes }]);
    const copy = createMemoryStore();
    await load(copy, await linesOf(store));
    const [span] = (await copy.querySpans(claimed.rolloutId)).items;
    expect(JSON.stringify(span?.attributes)).toBe(JSON.stringify(attributes));
  });

  it("goes on where it was: its queue is claimed, its retries counted, its sequence continued, its spans known", async () => {
    const { store, lines } = await filled();
    const copy = createMemoryStore();
    await load(copy, lines);
    const { items } = await store.queryRollouts();
    const queued = items.filter(({ status }) => status === "requeuing" || status === "queuing");
    const claimed = await copy.claim("w", 9);
    expect(claimed.map(({ rolloutId, attempt }) => [rolloutId, attempt.sequenceId])).toEqual([
      [queued[0]!.rolloutId, 2],
      [queued[1]!.rolloutId, 1],
    ]);
    const [first] = items;
    expect(await copy.nextSequenceId(first!.rolloutId)).toBe(4);
    const [span] = (await store.querySpans(first!.rolloutId)).items;
    expect(await copy.addSpans([span!])).toEqual([null]);
  });

  it("keeps its deadlines", async () => {
    const store = createMemoryStore();
    await store.enqueue([{ input: 1, config: { timeoutSeconds: 0.3 } }]);
    const [claimed] = await store.claim("w");
    const lines = await linesOf(store);
    const copy = createMemoryStore();
    await load(copy, lines);
    const [ended] = await copy.waitForRollouts([claimed!.rolloutId], { timeoutMs: 5000 });
    expect(ended?.status).toBe("failed");
  });

  it.each<[string, (lines: string[]) => string[], string]>([
    ["nothing", () => [], "line 0"],
    ["another program's lines", () => ['{"hello": 1}'], "line 1: expected the header"],
    ["what is no JSON", () => ["PNG"], "line 1: expected the header"],
    [
      "a newer version",
      ([, ...rest]) => ['{"format":"agentlightning-store","version":3}', ...rest],
      "version 2 or older, got 3",
    ],
    ["a file cut short", (lines) => lines.slice(0, -2), "cut short"],
    ["a file cut short within a rollout", (lines) => lines.slice(0, 7), "cut short"],
    ["a file that misses a span", (lines) => lines.filter((_, i) => i !== 5), "more spans of rollout"],
    ["a span of another rollout", (lines) => swap(lines, "ro-other"), "line"],
    [
      "a field that no record has",
      (lines) => lines.map((l) => l.replace('"mode"', '"mood"')),
      "line 5: expected a record",
    ],
    ["lines after the last", (lines) => [...lines, lines[1]!], "nothing after the last line"],
  ])("is refused when it is %s, and nothing is kept", async (_, change, reason) => {
    const { lines } = await filled();
    const copy = createMemoryStore();
    const error = await load(copy, change(lines)).catch((e) => e);
    expect([error.code, error.message]).toEqual(["E_ARGUMENT", expect.stringContaining(reason)]);
    expect(await copy.statistics()).toMatchObject({ rollouts: 0, resources: 0, workers: 0 });
  });

  it.each(["rollout", "resources", "worker"])(
    "is refused when one %s is known here, and nothing is kept",
    async (kind) => {
      const { lines } = await filled();
      const copy = createMemoryStore();
      const [line] = lines
        .slice(1)
        .map((text) => JSON.parse(text))
        .filter((record) => record.kind === kind);
      if (kind === "worker") await copy.heartbeat(line.worker.workerId);
      if (kind === "resources") await copy.updateResources(line.resources.resourcesId, {});
      if (kind === "rollout") await load(copy, [lines[0]!, ...rolloutOnly(lines)]);
      const before = await copy.statistics();
      const error = await load(copy, lines).catch((e) => e);
      expect(error.code).toBe("E_STATE");
      expect(await copy.statistics()).toEqual({ ...before, uptimeSeconds: expect.any(Number) });
    },
  );

  it("is read although an older version wrote it, which bound no versions", async () => {
    const old = readFileSync(new URL("../fixtures/stores/export-1.jsonl", import.meta.url), "utf8");
    const store = createMemoryStore();
    expect(await load(store, old.trimEnd().split("\n"))).toMatchObject({ rollouts: 3, spans: 1 });
    const { items } = await store.queryRollouts();
    expect(items.map(({ resourcesId, resourcesVersion }) => [resourcesId, resourcesVersion])).toEqual(
      Array.from({ length: 3 }, () => ["prompts", null]),
    );
  });

  it("is refused by a store that cannot take finished records", async () => {
    const { lines } = await filled();
    const memory = createMemoryStore();
    const other = new Proxy(memory, { has: (_, key) => key !== "importRecords" });
    await expect(load(other, lines)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});

function swap(lines: readonly string[], rolloutId: string): string[] {
  return lines.map((line) => {
    const record = JSON.parse(line);
    return record.kind === "span" ? JSON.stringify({ ...record, span: { ...record.span, rolloutId } }) : line;
  });
}

/** The first rollout of an export as an export of its own. */
function rolloutOnly(lines: readonly string[]): string[] {
  const at = lines.findIndex((line) => line.includes('"kind":"rollout"'));
  const spans: number = JSON.parse(lines[at]!).spans;
  const counts = { resources: 0, rollouts: 1, spans, workers: 0 };
  return [...lines.slice(at, at + 1 + spans), JSON.stringify({ kind: "end", counts })];
}
