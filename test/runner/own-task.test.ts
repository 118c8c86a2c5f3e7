// Each rollout has a task of its own, where that can be: what one agent does to its task, no other meets.
import { Blob } from "node:buffer";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOwnTask } from "../../src/runner/own-task.js";
import { createInProcessRun } from "../../src/runner/run-in-process.js";
import { runRunner } from "../../src/runner/runner.js";
import { createMemoryStore } from "../../src/store/memory-store.js";

const warnings: string[] = [];
const onWarning = (warning: Error & { code?: string }) => {
  if (warning.code === "AGL_SHARED_TASK") warnings.push(warning.message);
};
beforeEach(() => {
  warnings.length = 0;
  process.on("warning", onWarning);
});
afterEach(() => void process.off("warning", onWarning));
const turn = () => new Promise((resolve) => setImmediate(resolve));

const buffer = new ArrayBuffer(8);
const loop: Record<string, unknown> = { name: "loop" };
loop.self = loop;
let deep: unknown = "bottom";
for (let i = 0; i < 100_000; i++) deep = { deep };

const copied: readonly (readonly [string, () => object, ((task: never) => void)?])[] = [
  [
    "messages",
    () => ({ messages: [{ role: "user", content: "a" }] }),
    (t: { messages: unknown[] }) => t.messages.push(1),
  ],
  ["an array", () => [[1, [2]], "b"], (t: number[][]) => t[0]?.push(3)],
  [
    "an object without a prototype",
    () => Object.assign(Object.create(null), { a: { b: 1 } }),
    (t: { a: { b: number } }) => (t.a.b = 2),
  ],
  ["a date", () => ({ at: new Date(5) }), (t: { at: Date }) => t.at.setTime(7)],
  ["an invalid date", () => ({ at: new Date(Number.NaN) })],
  [
    "a map",
    () => ({ map: new Map([["a", { b: [1] }]]) }),
    (t: { map: Map<string, { b: number[] }> }) => t.map.get("a")?.b.push(2),
  ],
  ["a map by objects", () => new Map([[{ a: 1 }, new Set([1])]]), (t: Map<unknown, unknown>) => t.clear()],
  ["a set", () => new Set<unknown>([1, { a: 1 }]), (t: Set<unknown>) => t.add(2)],
  [
    "a pattern",
    () => ({ pattern: Object.assign(/a+/giu, { lastIndex: 3 }) }),
    (t: { pattern: RegExp }) => (t.pattern.lastIndex = 0),
  ],
  ["numbers", () => ({ ids: new Int32Array([1, 2, 3]) }), (t: { ids: Int32Array }) => t.ids.fill(9)],
  [
    "views of one buffer",
    () => ({ a: new Uint8Array(buffer, 2, 3), b: new DataView(buffer, 2), c: new Float64Array(buffer) }),
    (t: { a: Uint8Array }) => t.a.fill(1),
  ],
  ["a buffer", () => new ArrayBuffer(3), (t: ArrayBuffer) => new Uint8Array(t).fill(1)],
  ["an error", () => ({ seen: new RangeError("a", { cause: "b" }) })],
  ["boxed values", () => ({ n: Object(1), s: Object("ab"), b: Object(true) })],
  [
    "holes and keys of arrays",
    () => Object.assign(new Array<number>(3), { 0: 1, 2: 3, more: 1 }),
    (t: number[]) => t.push(4),
  ],
  [
    "keys that are symbols or hidden",
    () => Object.defineProperty({ [Symbol.for("a")]: [1] }, "hidden", { value: [2] }),
  ],
  ["a key named __proto__", () => JSON.parse('{"__proto__": {"a": 1}}') as object],
  [
    "frozen data",
    () => Object.freeze({ list: Object.freeze([1]) }),
    (t: { list: number[] }) => t.list.push(2),
  ],
  [
    "bigints, undefined, NaN and -0",
    () => ({ a: 1n, b: undefined, c: Number.NaN, d: -0, e: Symbol.for("s") }),
  ],
];

class Sandbox {
  files = ["a"];
}
const shared: readonly (readonly [string, unknown, string])[] = [
  ["an instance of a class", { box: { inner: new Sandbox() } }, "task.box.inner is an instance of Sandbox"],
  ["a Buffer", { image: Buffer.from("a") }, "task.image is an instance of Buffer"],
  ["a function", { check: () => true }, "task.check is a function"],
  ["a task that is a function", () => 1, "task is a function"],
  ["a class", { type: Sandbox }, "task.type is a function"],
  ["a proxy", { of: new Proxy({}, {}) }, "task.of is a proxy"],
  [
    "a getter",
    {
      list: [
        {
          get now() {
            return 1;
          },
        },
      ],
    },
    "task.list[0].now is a getter or setter",
  ],
  ["a URL", { at: new URL("https://a.example") }, "task.at is an instance of URL"],
  ["a subclass of Map", new (class Table extends Map {})(), "task is an instance of Table"],
  ["a subclass of Array", { list: new (class List extends Array {})() }, "task.list is an instance of List"],
  [
    "an error of a class",
    { e: new (class HttpError extends Error {})("a") },
    "task.e is an instance of HttpError",
  ],
  [
    "an error with a code",
    Object.assign(new Error("a"), { code: "E" }),
    "task is an instance of Error with properties",
  ],
  [
    "a map with a property",
    Object.assign(new Map(), { size2: 1 }),
    "task is an instance of Map with properties",
  ],
  ["a promise", { later: Promise.resolve(1) }, "task.later is an instance of Promise"],
  ["a weak map", new Map([["a", new WeakMap()]]), "task.values() is an instance of WeakMap"],
  [
    "shared memory",
    { m: new Int32Array(new SharedArrayBuffer(4)) },
    "task.m.buffer is an instance of SharedArrayBuffer",
  ],
];

describe("a task of plain data", () => {
  const rows = copied.map(([name, make, change = () => undefined]) => [name, make, change] as const);
  it.each(rows)("is copied: %s", async (_, make, change) => {
    const task = make();
    const toOwnTask = createOwnTask("who");
    const [first, second] = [toOwnTask(task), toOwnTask(task)];
    expect(first).not.toBe(task);
    expect(first).toStrictEqual(task);
    expect(Object.getPrototypeOf(first)).toBe(Object.getPrototypeOf(task));
    expect(Reflect.ownKeys(first as object)).toEqual(Reflect.ownKeys(task));
    change(first as never);
    expect(second).toStrictEqual(make());
    expect(task).toStrictEqual(make());
    await turn();
    expect(warnings).toEqual([]);
  });

  it("keeps what it is made of: sharing, loops, any depth, data of the platform", () => {
    const toOwnTask = createOwnTask("who");
    const part = { a: 1 };
    const twice = toOwnTask({ one: part, two: [part] }) as { one: object; two: object[] };
    expect(twice.one).toBe(twice.two[0]);
    const looped = toOwnTask(loop) as typeof loop;
    expect(looped.self).toBe(looped);
    expect(looped).not.toBe(loop);
    let at = toOwnTask(deep);
    let depth = 0;
    for (; typeof at === "object" && at !== null; at = (at as { deep: unknown }).deep) depth++;
    expect([depth, at]).toEqual([100_000, "bottom"]);
    expect(toOwnTask(new Blob(["a"]))).toBeInstanceOf(Blob);
    for (const value of ["text", 1, true, null, undefined, 5n]) expect(toOwnTask(value)).toBe(value);
  });

  // Half a million properties that are defined one by one take half a second.
  it("is copied by setting its properties, an image's numbers too", () => {
    const task = { rows: Array.from({ length: 5 }, () => Array.from({ length: 100 }, (_, i) => i / 2)) };
    const define = Object.defineProperty;
    let defined = 0;
    Object.defineProperty = (object, key, descriptor) => {
      defined += 1;
      return define(object, key, descriptor);
    };
    let own: unknown;
    try {
      own = createOwnTask("who")(task);
    } finally {
      Object.defineProperty = define;
    }
    expect([own, defined]).toEqual([task, 0]);
  });

  it("is copied whatever JSON it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const own = createOwnTask("who")(value);
        expect(own).toStrictEqual(value);
        if (typeof value === "object" && value !== null) expect(own).not.toBe(value);
      }),
    );
  });
});

describe("any other task", () => {
  it.each(shared)("is passed as it is, with one warning that says why: %s", async (_, task, said) => {
    const toOwnTask = createOwnTask("createTrainer");
    for (let i = 0; i < 3; i++) expect(toOwnTask(task)).toBe(task);
    await turn();
    expect(warnings).toEqual([expect.stringContaining(`createTrainer: ${said}`)]);
  });
});

it("the tasks of a runner's store stay as they were queued, for the next attempt too", async () => {
  const store = createMemoryStore();
  const config = { maxAttempts: 3, retryCondition: ["failed"] } as const;
  const [rollout] = await store.enqueue([{ input: { messages: ["a"] }, config }]);
  const id = rollout?.rolloutId ?? "";
  const seen: number[] = [];
  const agent = async (task: { messages: string[] }) => {
    seen.push(task.messages.push("mine"));
    if (seen.length < 3) throw new Error("again");
    return 1;
  };
  const drain = new AbortController();
  const run = createInProcessRun(agent as never, { graceMs: 50 });
  const running = runRunner({ store, workerId: "w", run, concurrency: 1, drain: drain.signal });
  await store.waitForRollouts([id], { timeoutMs: 5000 });
  drain.abort();
  await running;
  expect(seen).toEqual([2, 2, 2]);
  expect((await store.getRollout(id)).input).toEqual({ messages: ["a"] });
});
