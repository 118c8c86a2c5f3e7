// Values made to break what looks at them: an operation never fails because of them, an emit says which is wrong.
import { describe, expect, it } from "vitest";
import { showValue } from "../../src/base/check.js";
import { emitAnnotation, emitException, emitObject } from "../../src/tracing/emit.js";
import { requestedModel } from "../../src/tracing/model-api.js";
import { operation } from "../../src/tracing/operation.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { testScope } from "./test-scope.js";

async function spansOf(fn: () => unknown) {
  const scope = testScope();
  await runInRollout(scope, fn);
  return scope.spans;
}

const refuse = () => {
  throw new Error("not to be read");
};
const getter = () => Object.defineProperty({}, "a", { get: refuse, enumerable: true });
const noText = () => Object.assign(Object.create({ inherited: true }), { toString: refuse });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { in: value };
  return value;
};

describe("an operation", () => {
  it.each([
    ["a getter that throws", getter],
    ["an object whose toString throws", noText],
    ["a revoked proxy", revoked],
    ["20,000 levels", () => deep(20_000)],
  ])("passes on %s as input and output", async (_, make) => {
    const spans = await spansOf(() => {
      const output = make();
      const returned = operation("look", (op) => {
        op.setInput(make() as never);
        op.setOutput({ inside: output });
        return 7;
      });
      expect(returned).toBe(7);
    });
    expect(spans.map(({ status }) => status.code)).toEqual(["OK"]);
  });
});

describe("an emit", () => {
  it("keeps a key that is called __proto__", async () => {
    const [span] = await spansOf(() => emitAnnotation(JSON.parse('{"__proto__": 1, "b": 2}')));
    expect(Object.entries(span?.attributes ?? {})).toEqual([
      ["__proto__", 1],
      ["b", 2],
    ]);
  });

  it("refuses what is nested too deep as a wrong argument, not by exhausting the stack", () => {
    const wrong = expect.objectContaining({ code: "E_ARGUMENT" });
    expect(() => emitObject(deep(20_000))).toThrow(wrong);
    expect(() => emitAnnotation(deep(20_000) as never)).toThrow(wrong);
  });

  it("records no attribute that is not one, whatever the error or list holds", async () => {
    const odd = Object.assign(new Error(), { message: { a: 1 }, stack: 5 });
    const bare = Object.setPrototypeOf(new Error("bare"), null);
    const shut = Object.defineProperty(new Error(), "message", { get: refuse });
    const spans = await spansOf(() => {
      for (const error of [odd, bare, shut]) emitException(error as never);
      // biome-ignore lint/suspicious/noSparseArray: that is the point
      emitAnnotation({ list: [1, , 2] });
    });
    expect(spans).toHaveLength(4);
    for (const value of spans.flatMap(({ attributes }) => Object.values(attributes)))
      expect([value].flat().every((item) => /string|number|boolean/.test(typeof item))).toBe(true);
  });
});

describe("showValue", () => {
  it("describes what cannot be read", () => {
    expect(showValue(revoked())).toBe("a value of type object that cannot be read");
  });
});

describe("a model's name", () => {
  it("is taken as it is written when it is no percent-encoding", () => {
    expect(requestedModel("/openai/deployments/%E0%A4%A/chat/completions", undefined)).toBe("%E0%A4%A");
  });
});

describe("an agent that returns a lazy thenable", () => {
  it("does its work inside its rollout", async () => {
    const scope = testScope();
    const work = () => {
      emitAnnotation({ ran: true });
      return 3;
    };
    // biome-ignore lint/suspicious/noThenProperty: a query builder does this
    const lazy = { then: (resolve: (value: number) => void) => resolve(work()) };
    expect(await runInRollout(scope, () => lazy as unknown as Promise<number>)).toBe(3);
    expect(scope.spans.map(({ attributes }) => attributes)).toEqual([{ ran: true }]);
  });
});
