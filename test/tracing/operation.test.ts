import { describe, expect, it } from "vitest";
import { currentAgent } from "../../src/tracing/context.js";
import { emitMessage, emitReward } from "../../src/tracing/emit.js";
import { asAgent, operation } from "../../src/tracing/operation.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { testScope } from "./test-scope.js";

async function spansOf(fn: () => unknown) {
  const scope = testScope();
  await runInRollout(scope, fn);
  return scope.spans;
}

describe("an operation", () => {
  it("records name, attributes, inputs and output once it ends, and is the parent of what it encloses", async () => {
    const [reward, span, after] = await spansOf(() => {
      const result = operation("search", { user: { id: 7 }, none: null }, (op) => {
        op.setInput({ query: "tea", weights: [0.1, 0.2], when: new Date(0), nothing: null });
        emitReward(0.5);
        return { id: "r1", hits: [{ title: "a" }] };
      });
      expect(result.id).toBe("r1");
      emitMessage("after");
    });
    expect(span).toMatchObject({ name: "agentlightning.operation", parentId: null });
    expect(span?.status).toEqual({ code: "OK", description: null });
    expect(span?.attributes).toEqual({
      "agentlightning.operation.name": "search",
      "user.id": 7,
      "agentlightning.operation.input.query": "tea",
      "agentlightning.operation.input.weights": [0.1, 0.2],
      "agentlightning.operation.input.when": '"1970-01-01T00:00:00.000Z"',
      "agentlightning.operation.input.nothing": "null",
      "agentlightning.operation.output.id": "r1",
      "agentlightning.operation.output.hits.0.title": "a",
    });
    expect(reward?.parentId).toBe(span?.spanId);
    expect(reward?.traceId).toBe(span?.traceId);
    expect(after?.parentId).toBe(null);
  });

  it("takes positional inputs, and an output in place of the returned value", async () => {
    const [span] = await spansOf(() =>
      operation("add", (op) => {
        op.setInput([1, { x: 2 }]);
        op.setOutput(3);
        return "returned";
      }),
    );
    expect(span?.attributes).toEqual({
      "agentlightning.operation.name": "add",
      "agentlightning.operation.input.args.0": 1,
      "agentlightning.operation.input.args.1.x": 2,
      "agentlightning.operation.output": 3,
    });
  });

  it("lasts as long as its promise, and keeps its children through awaits", async () => {
    const spans = await spansOf(() =>
      operation("outer", async () => {
        await Promise.all(
          ["a", "b"].map((name) =>
            operation(name, async () => {
              await new Promise((resolve) => setTimeout(resolve, 20));
              emitMessage(name);
            }),
          ),
        );
        return 1;
      }),
    );
    const outer = spans.at(-1)!;
    const named = (name: string) =>
      spans.find(({ attributes }) => attributes["agentlightning.operation.name"] === name)!;
    expect(outer.attributes["agentlightning.operation.output"]).toBe(1);
    expect(outer.endTime! - outer.startTime).toBeGreaterThan(0.015);
    for (const name of ["a", "b"]) {
      expect(named(name).parentId).toBe(outer.spanId);
      const message = spans.find(({ attributes }) => attributes["agentlightning.message.body"] === name)!;
      expect(message.parentId).toBe(named(name).spanId);
    }
  });

  it.each([
    [
      "throws",
      () => {
        throw new RangeError("bad");
      },
    ],
    [
      "rejects",
      async () => {
        await Promise.resolve();
        throw new RangeError("bad");
      },
    ],
  ])("that %s has status ERROR and an exception event, and the error passes on", async (_how, fn) => {
    const scope = testScope();
    await expect(runInRollout(scope, () => operation("fails", fn))).rejects.toThrow(RangeError);
    const [span] = scope.spans;
    expect(span?.status).toEqual({ code: "ERROR", description: "bad" });
    expect(span?.events).toEqual([
      {
        name: "exception",
        attributes: expect.objectContaining({ "exception.type": "RangeError", "exception.message": "bad" }),
        timestamp: expect.any(Number),
      },
    ]);
    expect(span?.attributes).toEqual({ "agentlightning.operation.name": "fails" });
  });

  it("only runs its function outside a rollout", async () => {
    expect(
      operation("x", (op) => {
        op.setInput({ a: 1 });
        return 5;
      }),
    ).toBe(5);
    expect(await operation("x", async () => 6)).toBe(6);
    expect(() => operation("", () => 1)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => operation("x", { a: Number.NaN }, () => 1)).toThrow('attributes["a"]');
  });

  it("survives inputs that nothing can describe", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const [span] = await spansOf(() =>
      operation("odd", (op) => op.setInput({ cycle, map: new Map(), n: 1n })),
    );
    expect(span?.attributes).toMatchObject({
      "agentlightning.operation.input.cycle.self": "[object Object]",
      "agentlightning.operation.input.map": "[object Map]",
      "agentlightning.operation.input.n": "1",
    });
  });
});

describe("asAgent", () => {
  it("names the innermost agent around a call, on a span that encloses it", async () => {
    const seen: (string | null)[] = [];
    const spans = await spansOf(async () => {
      seen.push(currentAgent());
      await asAgent("planner", async () => {
        seen.push(currentAgent());
        emitMessage("plan");
        await asAgent("writer", async () => seen.push(currentAgent()));
        seen.push(currentAgent());
      });
      seen.push(currentAgent());
    });
    expect(seen).toEqual([null, "planner", "writer", "planner", null]);
    const [message, writer, planner] = spans;
    expect(planner?.attributes).toEqual({
      "agent.name": "planner",
      "agentlightning.operation.name": "planner",
    });
    expect(message?.parentId).toBe(planner?.spanId);
    expect(writer?.parentId).toBe(planner?.spanId);
    expect(currentAgent()).toBe(null);
    expect(() => asAgent("", () => 1)).toThrow("asAgent");
  });
});
