import { describe, expect, it } from "vitest";
import { toSpan } from "../../../src/store/laws/law.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { exportLines, importLines } from "../../../src/store/transfer.js";
import { canTransfer } from "../../../src/store/transfer-contract.js";
import { drivers, temporaryFile } from "./temporary-file.js";

describe.each(drivers)("an import into a SQLite store by %s", (driver) => {
  it("brings a store over whole, which then goes on from there", async () => {
    const source = createMemoryStore();
    await fill(source);
    const lines = await linesOf(source);
    const target = await openSqliteStore(temporaryFile(), { driver });
    await importLines(target, () => from(lines));
    // The first line has the time of the export.
    expect((await linesOf(target)).slice(1)).toEqual(lines.slice(1));
    expect((await target.claim("w")).map(({ input }) => input)).toEqual(["queued"]);
    const running = (await target.queryRollouts({ statusIn: ["running"] })).items[0];
    expect(await target.nextSequenceId(running?.rolloutId ?? "")).toBe(3);
    // Its deadline came with it.
    const ended = await target.waitForRollouts([running?.rolloutId ?? ""], { timeoutMs: 5000 });
    expect(ended.map(({ status }) => status)).toEqual(["failed"]);
    await target.close();
  });

  it("is refused whole when one of its ids is known", async () => {
    const target = await openSqliteStore(temporaryFile(), { driver });
    if (!canTransfer(target)) throw new Error("it takes no records");
    const { attempt, ...rollout } = await createMemoryStore().startRollout({ input: 1 });
    const other = { ...rollout, rolloutId: "ro-other" };
    await target.importRecords({ rollouts: [{ rollout, attempts: [attempt], spans: [] }] });
    const again = [
      { rollout: other, attempts: [], spans: [] },
      { rollout, attempts: [attempt], spans: [] },
    ];
    await expect(target.importRecords({ rollouts: again })).rejects.toMatchObject({ code: "E_STATE" });
    await expect(target.getRollout("ro-other")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    expect((await target.statistics()).rollouts).toBe(1);
    await target.close();
  });
});

async function fill(store: LightningStore): Promise<void> {
  await store.addResources({ p: { resourceType: "prompt_template", template: "a", engine: "jinja" } });
  const one = await store.startRollout({ input: { text: "\ud800" } }, "w");
  await store.addSpans([toSpan(one, 1), toSpan(one, 2)]);
  await store.updateAttempt(one.rolloutId, "latest", { status: "succeeded" });
  await store.updateResources("mine", {});
  const two = await store.startRollout({ input: 2, config: { timeoutSeconds: 0.5 } }, "v");
  await store.addSpans([toSpan(two, 2)]);
  await store.enqueue([{ input: "queued" }]);
}

async function linesOf(store: LightningStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportLines(store)) lines.push(line);
  return lines;
}

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
