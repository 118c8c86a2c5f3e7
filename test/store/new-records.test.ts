// Records as they begin, and what callers may put into a store.
import { describe, expect, it } from "vitest";
import {
  checkConfig,
  checkId,
  checkMode,
  checkNewConfig,
  checkResources,
  checkSpan,
  checkWorkerId,
  newId,
  toAttempt,
  toRollout,
  toWorker,
} from "../../src/store/new-records.js";
import { toPreparingSeconds } from "../../src/store/preparing-limit.js";
import { bindChanges, bindNew } from "../../src/store/resources-binding.js";

describe("a new record", () => {
  it("has an id of its kind and length that no other has", () => {
    for (const [kind, shape] of [
      ["ro", /^ro-[0-9a-f]{12}$/],
      ["rs", /^rs-[0-9a-f]{12}$/],
      ["at", /^at-[0-9a-f]{8}$/],
    ] as const) {
      const ids = Array.from({ length: 50 }, () => newId(kind));
      for (const id of ids) expect(id).toMatch(shape);
      expect(new Set(ids).size).toBe(50);
    }
  });

  it("begins queued, preparing or unknown, with nothing that has happened", () => {
    expect(toRollout("who", { input: [1] }, null, 7)).toEqual({
      ...{
        rolloutId: expect.stringMatching(/^ro-/),
        input: [1],
        mode: null,
        status: "queuing",
        metadata: {},
      },
      ...{ resourcesId: null, resourcesVersion: null, startTime: 7, endTime: null },
      config: { timeoutSeconds: null, unresponsiveSeconds: null, maxAttempts: 1, retryCondition: [] },
    });
    const bound = { resourcesId: "rs-1", version: 3 };
    const fields = { input: 1, mode: "val", metadata: { a: 1 }, config: { maxAttempts: 2 } } as const;
    expect(toRollout("who", fields, bound, 7)).toMatchObject({
      ...{
        mode: "val",
        metadata: { a: 1 },
        resourcesId: "rs-1",
        resourcesVersion: 3,
        config: { maxAttempts: 2 },
      },
    });
    expect(toAttempt("ro-1", 2, null, 7)).toEqual({
      ...{ rolloutId: "ro-1", attemptId: expect.stringMatching(/^at-/), sequenceId: 2, status: "preparing" },
      ...{ workerId: null, startTime: 7, endTime: null, lastHeartbeatTime: null, metadata: {} },
    });
    expect(Object.values(toWorker("w"))).toEqual(["w", "unknown", ...Array(7).fill(null)]);
  });

  it("is bound to the bundle that it names, else to the latest, in its newest version", () => {
    const bundles = {
      newest: (resourcesId: string) => (resourcesId === "rs-1" ? { resourcesId, version: 4 } : null),
      latest: () => ({ resourcesId: "rs-9", version: 1 }),
    };
    const named = (resourcesId?: string | null) =>
      bindNew("who", { input: 1, resourcesId } as never, bundles);
    expect([named("rs-1")?.version, named(null)?.resourcesId, named()?.resourcesId]).toEqual([
      4,
      "rs-9",
      "rs-9",
    ]);
    expect(() => named("rs-2")).toThrow("rs-2");
    const changed = (changes: object) => bindChanges("who", changes, bundles);
    expect(changed({ resourcesId: "rs-1" })).toEqual({ resourcesId: "rs-1", resourcesVersion: 4 });
    expect(changed({ resourcesId: null })).toEqual({ resourcesId: null, resourcesVersion: null });
    expect(changed({ input: 1 })).toEqual({ input: 1 });
    expect(() => changed({ resourcesId: "rs-2" })).toThrow("rs-2");
  });
});

describe("what is put into a store", () => {
  it.each<[object, string]>([
    [{ timeoutSeconds: -1 }, "timeoutSeconds"],
    [{ unresponsiveSeconds: -1 }, "unresponsiveSeconds"],
    [{ maxAttempts: 0 }, "maxAttempts"],
    [{ retryCondition: "failed" }, "retryCondition to be a list"],
    [{ retryCondition: ["broken"] }, "retryCondition"],
  ])("is no configuration: %j", (config, said) => {
    expect(() => checkNewConfig("who", config as never)).toThrow(said);
  });

  it("is any configuration with limits from 0, attempts from 1, and statuses", () => {
    const retryCondition = [
      "preparing",
      "running",
      "failed",
      "succeeded",
      "unresponsive",
      "timeout",
    ] as const;
    const config = { timeoutSeconds: 0, unresponsiveSeconds: 0, maxAttempts: 1, retryCondition };
    expect(checkConfig("who", config)).toBe(config);
    expect(checkNewConfig("who", undefined).maxAttempts).toBe(1);
    expect([checkMode("who", null), checkMode("who", "test")]).toEqual([null, "test"]);
    expect(() => checkMode("who", "x" as never)).toThrow("mode");
  });

  it("is resources by name, each of a type", () => {
    const resources = { a: { resourceType: "llm" } } as never;
    expect(checkResources("who", resources)).toBe(resources);
    for (const wrong of [null, "a", [1]])
      expect(() => checkResources("who", wrong as never)).toThrow("a record of");
    for (const wrong of [{}, null, { resourceType: 1 }])
      expect(() => checkResources("who", { a: wrong } as never)).toThrow(
        'resource "a" to have a resourceType',
      );
  });

  it("has ids that are text and not empty, and workers by name or none", () => {
    expect([checkId("who", "id", "a"), checkWorkerId("claim", "w"), checkWorkerId("claim", null)]).toEqual([
      "a",
      "w",
      null,
    ]);
    expect(checkWorkerId("claim", undefined)).toBe(undefined);
    for (const wrong of ["", 1, null]) expect(() => checkId("who", "id", wrong)).toThrow("id to be a string");
    expect(() => checkWorkerId("claim", "")).toThrow("store.claim: expected workerId");
  });

  it.each<[object, string | null]>([
    [{}, null],
    [{ endTime: null }, null],
    [{ sequenceId: 0 }, "sequenceId"],
    [{ spanId: 5 }, "spanId"],
    [{ startTime: Number.NaN }, "startTime"],
    [{ endTime: "late" }, "endTime"],
    [{ attemptId: "latest" }, "the attempt's own id"],
  ])("is a span with %j, or is refused for %s", (more, said) => {
    const span = { attemptId: "at-1", sequenceId: 1, spanId: "s", startTime: 1, endTime: 2, ...more };
    if (said === null) expect(() => checkSpan(span as never)).not.toThrow();
    else expect(() => checkSpan(span as never)).toThrow(said);
  });

  it("may prepare for ten minutes, or as long as is said, from a millisecond", () => {
    expect([toPreparingSeconds("who", {}), toPreparingSeconds("who", { preparingSeconds: 0.001 })]).toEqual([
      600, 0.001,
    ]);
    expect(() => toPreparingSeconds("who", { preparingSeconds: 0 })).toThrow("preparingSeconds");
  });
});
