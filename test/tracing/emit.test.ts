import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RolloutScope } from "../../src/tracing/context.js";
import {
  emitAnnotation,
  emitException,
  emitMessage,
  emitObject,
  emitReward,
} from "../../src/tracing/emit.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { testScope } from "./test-scope.js";

interface Recorded {
  readonly call: string;
  readonly error?: string;
  readonly span?: {
    readonly name?: string;
    readonly status: { readonly status_code: string; readonly description: string | null };
    readonly attributes: Record<string, unknown>;
  };
}

const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL("../fixtures/protocol/emit.json", import.meta.url), "utf8"),
);

const wrong = (value: unknown) => value as never;

// Each call of the recording, as it is written here.
const calls: Record<string, () => void> = {
  "reward(0.5)": () => emitReward(0.5),
  "reward(True)": () => emitReward(true),
  "reward(2)": () => emitReward(2),
  "reward({a:1,b:0.5},primary_key=b)": () => emitReward({ a: 1, b: 0.5 }, { primaryKey: "b" }),
  "reward(dict) no primary": () => emitReward({ a: 1 }),
  "reward({a:'x'})": () => emitReward(wrong({ a: "x" }), { primaryKey: "a" }),
  "reward({}) ": () => emitReward({}, { primaryKey: "a" }),
  "reward('x')": () => emitReward(wrong("x")),
  "reward missing key": () => emitReward({ a: 1 }, { primaryKey: "z" }),
  "reward(1.0,attributes={'x':{'y':[1,2]},'z':None})": () =>
    emitReward(1, { attributes: { x: { y: [1, 2] }, z: null } }),
  "reward(nan)": () => emitReward(Number.NaN),
  "annotation nested": () =>
    emitAnnotation({ a: { b: 1, c: [1, 2, 3], d: [{ e: 1 }, { f: "x" }] }, g: true, h: 1.5 }),
  "annotation mixed list": () => emitAnnotation({ a: [1, "x"] }),
  "annotation None": () => emitAnnotation({ a: null }),
  "annotation empty": () => emitAnnotation({}),
  "annotation empty list": () => emitAnnotation({ a: [] }),
  "annotation object value": () => emitAnnotation({ a: new (class Foreign {})() }),
  "object('hi')": () => emitObject("hi"),
  "object(3)": () => emitObject(3),
  "object(1.5)": () => emitObject(1.5),
  "object(True)": () => emitObject(true),
  "object(b'ab')": () => emitObject(new TextEncoder().encode("ab")),
  "object({a:1})": () => emitObject({ a: 1 }),
  "object([1,2])": () => emitObject([1, 2]),
  "object(None)": () => emitObject(null),
  "object(object())": () => emitObject(new (class Foreign {})()),
  "message('hi')": () => emitMessage("hi"),
  "message(3)": () => emitMessage(wrong(3)),
  "message attrs": () => emitMessage("hi", { attributes: { a: { b: 1 } } }),
  "exception(ValueError)": () => emitException(new RangeError("out")),
  "exception('x')": () => emitException(wrong("x")),
};

// Spans that the recording leaves empty, from the table of semantic conventions.
const unrecorded: Record<string, { name: string; attributes: Record<string, unknown> }> = {
  "message('hi')": { name: "agentlightning.message", attributes: { "agentlightning.message.body": "hi" } },
  "message attrs": {
    name: "agentlightning.message",
    attributes: { "agentlightning.message.body": "hi", "a.b": 1 },
  },
  "exception(ValueError)": {
    name: "agentlightning.exception",
    attributes: {
      "exception.type": "RangeError",
      "exception.message": "out",
      "exception.stacktrace": expect.stringContaining("emit.test.ts"),
      "exception.escaped": true,
    },
  },
};

const withoutTracer = "emit without tracer";
const notFinite = "reward(nan)";

async function spansOf(fn: () => void, changes: Partial<RolloutScope> = {}) {
  const scope = testScope(changes);
  await runInRollout(scope, fn);
  return scope.spans;
}

describe("the 32 recorded emits", () => {
  it("are all known here", () => {
    expect(recorded.length).toBe(32);
    expect(recorded.map(({ call }) => call).toSorted()).toEqual(
      [...Object.keys(calls), withoutTracer].toSorted(),
    );
  });

  it.each(recorded.filter(({ call, error }) => error === undefined && call !== notFinite))(
    "$call gives the recorded span",
    async ({ call, span }) => {
      const [emitted, ...others] = await spansOf(calls[call]!);
      const expected = span?.name === undefined ? unrecorded[call] : span;
      expect(others).toEqual([]);
      expect(emitted?.name).toBe(expected?.name);
      expect(emitted?.attributes).toEqual(expected?.attributes);
      expect(emitted?.status).toEqual({ code: "OK", description: null });
    },
  );

  it.each(recorded.filter(({ call, error }) => error !== undefined && call !== withoutTracer))(
    "$call is refused, inside a rollout and outside, and records nothing",
    async ({ call }) => {
      const refusal = expect.objectContaining({
        code: "E_ARGUMENT",
        message: expect.stringMatching(/^emit/),
      });
      const scope = testScope();
      await expect(runInRollout(scope, calls[call]!)).rejects.toEqual(refusal);
      expect(scope.spans).toEqual([]);
      expect(calls[call]).toThrow(refusal);
    },
  );

  it("emit without tracer does nothing, where the recording failed", () => {
    expect(recorded.find(({ call }) => call === withoutTracer)?.error).toContain("No active tracer");
    emitMessage("nobody listens");
    emitReward(1);
  });

  it.each([Number.NaN, Infinity, -Infinity])(
    "a reward of %s is refused, where the recording took NaN",
    async (x) => {
      await expect(spansOf(() => emitReward(x))).rejects.toMatchObject({ code: "E_ARGUMENT" });
      await expect(spansOf(() => emitReward({ a: 1, b: x }, { primaryKey: "a" }))).rejects.toMatchObject({
        message: expect.stringContaining("reward b"),
      });
    },
  );
});

describe("emits", () => {
  it("say what a record of rewards lacks: the primary key, or the one that was named", () => {
    expect(() => emitReward({ a: 1 })).toThrow("name the one that counts");
    expect(() => emitReward({ a: 1, b: 2 }, { primaryKey: "z" })).toThrow('("a", "b"), got "z"');
  });

  it("put the primary reward first and keep the order of the others", async () => {
    const [span] = await spansOf(() => emitReward({ c: 0.1, a: 0.2, b: 0.3 }, { primaryKey: "b" }));
    expect(Object.values(span!.attributes)).toEqual(["b", 0.3, "c", 0.1, "a", 0.2]);
  });

  it.each([
    [0.1, "float", "0.1"],
    [Number.NaN, "float", "nan"],
    [-Infinity, "float", "-inf"],
    [1e21, "int", "1000000000000000000000"],
    [-3, "int", "-3"],
    [10n, "int", "10"],
    [false, "bool", "False"],
    [new Uint8Array([97, 98, 99]).subarray(1), "bytes", "YmM="],
  ])("write the object %s as %s %s", async (value, type, literal) => {
    const [span] = await spansOf(() => emitObject(value));
    expect(span?.attributes).toEqual({
      "agentlightning.object.type": type,
      "agentlightning.object.literal": literal,
    });
  });

  it("write JSON as the Python system does", async () => {
    const date = new Date(0);
    const [span] = await spansOf(() => emitObject({ é: [true, null, 'a"\n'], d: { date, gone: undefined } }));
    expect(span?.attributes["agentlightning.object.json"]).toBe(
      '{"\\u00e9": [true, null, "a\\"\\n"], "d": {"date": "1970-01-01T00:00:00.000Z"}}',
    );
  });

  it.each([
    [
      "a cycle",
      () => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      },
    ],
    ["a nested NaN", () => ({ a: [Number.NaN] })],
    ["a function", () => ({ a: () => 1 })],
    ["a Map", () => new Map([[1, 2]])],
    ["undefined", () => undefined],
  ])("refuse %s as an object instead of changing it", (_what, make) => {
    expect(() => emitObject(make())).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });

  it("refuse an annotation that is not plain or not finite, with its key", () => {
    expect(() => emitAnnotation({ a: { b: Number.NaN } })).toThrow('"a.b"');
    expect(() => emitAnnotation(wrong([1]))).toThrow("a plain object");
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => emitAnnotation(cycle)).toThrow('"self"');
  });

  it("take errors of another realm and name a subclass by its class", async () => {
    const { runInNewContext } = await import("node:vm");
    class ToolError extends Error {}
    const spans = await spansOf(() => {
      emitException(runInNewContext("new TypeError('far')"));
      emitException(new ToolError("near"));
    });
    expect(spans.map(({ attributes }) => attributes["exception.type"])).toEqual(["TypeError", "ToolError"]);
  });

  it("have ids of 16 and 32 hex digits, unique spans, one trace, and times in order", async () => {
    const before = Date.now() / 1000 - 0.01;
    const spans = await spansOf(() => {
      for (let i = 0; i < 1000; i++) emitReward(i);
    });
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(1000);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    for (const [i, span] of spans.entries()) {
      expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(span.parentId).toBe(null);
      expect(span.endTime).toBe(span.startTime);
      expect(span.startTime).toBeGreaterThanOrEqual(spans[i - 1]?.startTime ?? before);
    }
    expect(spans.at(-1)!.endTime).toBeLessThan(Date.now() / 1000 + 0.01);
  });
});

describe("redact", () => {
  it("sees every span first: what it returns is recorded, and null keeps a span out", async () => {
    const redact: RolloutScope["redact"] = (span) =>
      span.name === "agentlightning.message" ? null : { ...span, attributes: { seen: span.name } };
    const spans = await spansOf(
      () => {
        emitMessage("secret");
        emitReward(1);
      },
      { redact },
    );
    expect(spans.map(({ attributes }) => attributes)).toEqual([{ seen: "agentlightning.annotation" }]);
  });
});
