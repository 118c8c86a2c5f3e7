import { expect, it } from "vitest";
import { codeOf, toSpan } from "../../../src/store/laws/law.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { exportLines, importLines } from "../../../src/store/transfer.js";
import { describePostgres } from "../../support/postgres.js";

async function linesOf(store: LightningStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportLines(store)) lines.push(line);
  return lines;
}

const recordsOf = (lines: readonly string[]) => lines.slice(1).map((line) => JSON.parse(line));

async function* each(lines: readonly string[]) {
  yield* lines;
}

describePostgres("An exported store", (server, newSchema) => {
  it("goes into PostgreSQL and comes out as the same file, and goes on there", async () => {
    const { url } = await server();
    const memory = createMemoryStore();
    await memory.updateResources("rs-a", {});
    await memory.updateResources("rs-a", {
      p: { resourceType: "prompt_template", template: "", engine: "jinja" },
    });
    const config = { maxAttempts: 2, retryCondition: ["failed"] as const, timeoutSeconds: 3 };
    const [first] = await memory.enqueue([{ input: { a: 1 }, config }, { input: null }]);
    const [claimed] = await memory.claim("w");
    await memory.addSpans([toSpan(claimed!, 3), { ...toSpan(claimed!, 1), extra: { links: [] } }]);
    await memory.heartbeat("w", { cpu: 1 });
    const lines = await linesOf(memory);
    await using store = await openPostgresStore(url, { schema: newSchema() });
    await importLines(store, () => each(lines));
    expect(recordsOf(await linesOf(store))).toEqual(recordsOf(lines));
    expect(await store.nextSequenceId(first!.rolloutId)).toBe(4);
    expect(await store.addSpans([toSpan(claimed!, 3)])).toEqual([null]);
    expect((await store.claim("w", 5)).map(({ input }) => input)).toEqual([null]);
    expect(await codeOf(importLines(store, () => each(lines)))).toBe("E_STATE");
    // Its deadline is kept: the attempt ends there, by no caller.
    const [ended] = await store.waitForRollouts([first!.rolloutId], { timeoutMs: 10_000 });
    expect(ended?.status).toBe("failed");
  });
});
