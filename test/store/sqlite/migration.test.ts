// A file that the first version of the schema wrote (test/fixtures/stores/sqlite-1.sql) is brought forward when it is opened.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import { drivers, temporaryFile } from "./temporary-file.js";

const old = readFileSync(new URL("../../fixtures/stores/sqlite-1.sql", import.meta.url), "utf8");

describe.each(drivers)("a file of the first schema, opened with %s", (driver) => {
  async function oldFile(): Promise<string> {
    const path = temporaryFile();
    const database = await openDriver(path, driver);
    database.exec(old);
    database.close();
    return path;
  }

  it("keeps its records, whose resources are those of no known version", async () => {
    await using store = await openSqliteStore(await oldFile(), { driver });
    const { items } = await store.queryRollouts();
    expect(items.map(({ input, status }) => [input, status])).toEqual([
      [{ question: "6 x 7" }, "succeeded"],
      ["left preparing", "preparing"],
      ["queued", "queuing"],
    ]);
    const bound = items.map(({ resourcesId, resourcesVersion }) => [resourcesId, resourcesVersion]);
    expect(bound).toEqual(Array.from({ length: 3 }, () => ["prompts", null]));
    expect((await store.querySpans(items[0]!.rolloutId)).items).toMatchObject([{ name: "step" }]);
    expect(await store.getLatestResources()).toMatchObject({ resourcesId: "prompts", version: 2 });
  });

  it("ends the attempt that somebody left preparing, and its file's rollouts are found by status", async () => {
    await using store = await openSqliteStore(await oldFile(), { driver });
    const [rollout] = (await store.queryRollouts({ statusIn: ["preparing"] })).items;
    expect(rollout?.input).toBe("left preparing");
    await using watchful = await openSqliteStore(await oldFile(), { driver, preparingSeconds: 0.05 });
    const [again] = await watchful.claim("w", 1, { timeoutMs: 5000 });
    expect(again?.input).toBe("queued");
    const [lost] = await watchful.claim("w", 1, { timeoutMs: 5000 });
    expect([lost?.input, lost?.attempt.sequenceId]).toEqual(["left preparing", 2]);
  });

  it("goes on: its queue is claimed, and what is enqueued now is bound to a version", async () => {
    const path = await oldFile();
    const before = await openSqliteStore(path, { driver });
    expect((await before.claim("w")).map(({ input }) => input)).toEqual(["queued"]);
    const [fresh] = await before.enqueue([{ input: "fresh" }]);
    await before.close();
    await using after = await openSqliteStore(path, { driver });
    expect(await after.getRollout(fresh!.rolloutId)).toMatchObject({
      resourcesId: "prompts",
      resourcesVersion: 2,
    });
    await after.updateRollout(fresh!.rolloutId, { resourcesId: null });
    expect(await after.getRollout(fresh!.rolloutId)).toMatchObject({
      resourcesId: null,
      resourcesVersion: null,
    });
  });
});
