import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as map from "../../../src/store/http/wire-mapping.js";
import { fromWireQuery, toWireQuery } from "../../../src/store/http/wire-queries.js";
import { anyRolloutSchema, resourcesSchema, workerSchema } from "../../../src/store/http/wire-records.js";
import { fromWireSpan, spanSchema, toWireSpan } from "../../../src/store/http/wire-span.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import type { Span } from "../../../src/types/span.js";

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x));
const attributes = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  fc.oneof(
    fc.string(),
    number,
    fc.boolean(),
    fc.array(fc.string()),
    fc.array(number),
    fc.array(fc.boolean()),
  ),
  { noNullPrototype: true },
);
const time = fc.double({ min: 0, max: 1e12, noNaN: true });
const wireSpan = fc.record({
  rollout_id: fc.string(),
  attempt_id: fc.string(),
  sequence_id: fc.nat(),
  trace_id: fc.string(),
  span_id: fc.string(),
  parent_id: fc.option(fc.string()),
  name: fc.string(),
  status: fc.record({
    status_code: fc.constantFrom("UNSET", "OK", "ERROR"),
    description: fc.option(fc.string()),
  }),
  attributes,
  events: fc.array(fc.record({ name: fc.string(), attributes, timestamp: fc.option(time) }), {
    maxLength: 2,
  }),
  links: fc.constantFrom([], [{ context: context("1"), attributes: { a: 1 } }]),
  start_time: fc.option(time),
  end_time: fc.option(time),
  context: fc.constantFrom(null, context("2")),
  parent: fc.constantFrom(null, context("3")),
  resource: fc.constantFrom(
    { attributes: {}, schema_url: "" },
    { attributes: { "service.name": "s" }, schema_url: "" },
    { attributes: {}, schema_url: "u", other: 1 },
  ),
  extra_field: fc.jsonValue(),
});

describe("a span on the wire", () => {
  it("comes back as it was, with everything that ours has no field for", () => {
    fc.assert(
      fc.property(wireSpan, (wire) => {
        const parsed = spanSchema.parse(throughJson(wire));
        expect(throughJson(toWireSpan(fromWireSpan(parsed)))).toEqual(throughJson(wire));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("is ours again on the other side, with no extra where nothing was", () => {
    const span: Span = {
      ...{ rolloutId: "ro-1", attemptId: "at-1", sequenceId: 1, traceId: "t", spanId: "s", parentId: null },
      ...{ name: "n", status: { code: "ERROR", description: "d" }, attributes: { a: ["x"] } },
      ...{ events: [{ name: "e", attributes: {}, timestamp: null }], startTime: 1.5, endTime: null },
    };
    expect(fromWireSpan(spanSchema.parse(throughJson(toWireSpan(span))))).toEqual(span);
  });

  it("has times in nanoseconds when they are above 1e12, and begins at its end without a start", () => {
    const wire = {
      ...toWireSpan(fromWireSpan(spanSchema.parse(plain()))),
      start_time: 2e12,
      end_time: 1e12,
    };
    expect(fromWireSpan(spanSchema.parse(wire))).toMatchObject({ startTime: 2000, endTime: 1e12 });
    const noStart = fromWireSpan(spanSchema.parse({ ...plain(), start_time: null, end_time: 7 }));
    expect([noStart.startTime, noStart.endTime, toWireSpan(noStart).start_time]).toEqual([7, 7, null]);
  });

  it("has the names of numbers that JSON cannot hold, and leaves out what a store lost of them", () => {
    const attributes = { a: Number.NaN, b: Number.NEGATIVE_INFINITY, c: [1, Number.NaN], d: null, e: [0.5] };
    const span = { ...fromWireSpan(spanSchema.parse(plain())), attributes } as unknown as Span;
    const wire = throughJson(toWireSpan(span));
    expect(spanSchema.parse(wire).attributes).toEqual({ a: "NaN", b: "-Infinity", c: "[1,null]", e: [0.5] });
  });

  it("is refused with attributes that are no scalars and no lists of one kind", () => {
    const isTaken = (value: unknown) => spanSchema.safeParse({ ...plain(), attributes: { value } }).success;
    expect(["x", 1.5, true, [], ["a"], [1, 2], [false]].map(isTaken)).toEqual(Array(7).fill(true));
    const wrong = [null, {}, [1, "a"], [null], [[1]], Number.POSITIVE_INFINITY, [Number.NaN]];
    expect(wrong.map(isTaken)).toEqual(wrong.map(() => false));
  });
});

describe("records on the wire", () => {
  it("come back as they were", async () => {
    const store = createMemoryStore();
    await store.updateResources("r", {
      llm: { resourceType: "llm", endpoint: "e", model: "m", apiKey: null, samplingParameters: { t: 1 } },
      proxy: { resourceType: "proxy_llm", endpoint: "e", model: "m", apiKey: "k", samplingParameters: {} },
      text: { resourceType: "prompt_template", template: "t", engine: "poml" },
    });
    const config = {
      timeoutSeconds: 5,
      unresponsiveSeconds: 1,
      maxAttempts: 2,
      retryCondition: ["timeout" as const],
    };
    const rollout = await store.startRollout(
      { input: { a: [1] }, mode: "val", config, metadata: { m: null } },
      "w",
    );
    await store.updateAttempt(rollout.rolloutId, "latest", { metadata: { n: 1 }, lastHeartbeatTime: 3 });
    const both = await store.getRollout(rollout.rolloutId);
    expect(map.fromWireAnyRollout(anyRolloutSchema.parse(throughJson(map.toWireRollout(both))))).toEqual(
      both,
    );
    const worker = await store.heartbeat("w", { cpu: 1 });
    expect(map.fromWireWorker(workerSchema.parse(throughJson(map.toWireWorker(worker))))).toEqual(worker);
    const { resources } = await store.getResources("r");
    expect(map.fromWireResources(resourcesSchema.parse(throughJson(map.toWireResources(resources))))).toEqual(
      resources,
    );
  });

  it("keep a query's meaning: all for -1, names in snake case, null for no filter", () => {
    const query = { statusIn: ["idle"], sortBy: "lastBusyTime", sortOrder: "desc", limit: null, offset: 2 };
    const wire = { status_in: ["idle"], sort_by: "last_busy_time", sort_order: "desc", limit: -1, offset: 2 };
    expect(toWireQuery(query)).toEqual(wire);
    expect(fromWireQuery({ ...wire, worker_id_contains: null })).toEqual(query);
  });
});

// --- internal ---

function context(id: string) {
  return { trace_id: id, span_id: id, is_remote: false, trace_state: { a: "b" } };
}

function plain() {
  const nothing = { links: [], context: null, parent: null, resource: { attributes: {}, schema_url: "" } };
  const ids = {
    rollout_id: "r",
    attempt_id: "a",
    sequence_id: 1,
    trace_id: "t",
    span_id: "s",
    parent_id: null,
  };
  const status = { status_code: "OK", description: null };
  return { ...ids, name: "n", status, attributes: {}, events: [], start_time: 1, end_time: 2, ...nothing };
}
