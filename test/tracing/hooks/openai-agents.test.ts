// A trace provider like that of @openai/agents: spans and a storage of its own, and none of either while tracing is off.
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, describe, expect, it } from "vitest";
import { asAgent } from "../../../src/tracing/operation.js";
import { runInRollout } from "../../../src/tracing/run-in-rollout.js";
import { emitSpan } from "../../../src/tracing/span.js";
import type { SpanDraft } from "../../../src/types/span.js";
import { testScope } from "../test-scope.js";

const kProvider = Symbol.for("openai.agents.core.traceProvider");
const holder = globalThis as { [kProvider]?: unknown };
afterEach(() => {
  Reflect.deleteProperty(holder, kProvider);
});

interface Options {
  readonly data: Record<string, unknown>;
  readonly spanId?: string;
  readonly traceId?: string;
}
class Trace {
  readonly traceId: string;
  constructor(options: { readonly traceId?: string }) {
    this.traceId = options.traceId ?? "trace";
  }
}
class NoTrace extends Trace {
  constructor() {
    super({ traceId: "no-op" });
  }
}
class Span {
  readonly spanId: string;
  readonly traceId: string;
  readonly spanData: Record<string, unknown>;
  error: object | null = null;
  constructor(options: Options) {
    this.spanId = options.spanId ?? "span";
    this.traceId = options.traceId ?? "trace";
    this.spanData = options.data;
  }
  isEnded = false;
  end() {
    this.isEnded = true;
  }
}
class NoSpan extends Span {
  constructor(options: Options) {
    super({ ...options, spanId: "no-op", traceId: "no-op" });
  }
}
class Provider {
  readonly current = new AsyncLocalStorage<{ trace: Trace; span: Span | null }>();
  readonly isOff: boolean;
  constructor(isOff: boolean) {
    this.isOff = isOff;
  }
  createTrace(options: object) {
    return this.isOff ? new NoTrace() : new Trace(options);
  }
  createSpan(options: Options, _parent?: unknown) {
    return this.isOff ? new NoSpan(options) : new Span(options);
  }
  getCurrentTrace() {
    return this.current.getStore()?.trace ?? null;
  }
  getCurrentSpan() {
    return this.current.getStore()?.span ?? null;
  }
  generateTraceId() {
    return "trace";
  }
  generateSpanId() {
    return "span";
  }
  async within<T>(data: Record<string, unknown>, fn: (span: Span) => T): Promise<Awaited<T>> {
    const span = this.createSpan({ data });
    const trace = this.getCurrentTrace() ?? new NoTrace();
    try {
      return await this.current.run({ trace, span }, async () => await fn(span));
    } finally {
      span.end();
    }
  }
  async run<T>(fn: () => T): Promise<Awaited<T>> {
    return await this.current.run({ trace: this.createTrace({}), span: null }, async () => await fn());
  }
}

/** Name, agent, status and the name of what encloses it. */
function tree(spans: readonly SpanDraft[]): string[] {
  const nameOf = ({ name, attributes }: SpanDraft) =>
    String(attributes["agentlightning.operation.name"] ?? name);
  return spans.map((span) => {
    const above = spans.find(({ spanId }) => spanId === span.parentId);
    return `${nameOf(span)} in ${above === undefined ? span.parentId : nameOf(above)}: ${span.status.code}`;
  });
}

const call = () => emitSpan({ name: "call", attributes: {} });

async function agents(provider: Provider): Promise<void> {
  await provider.run(async () => {
    await provider.within({ type: "agent", name: "planner" }, async () => {
      await provider.within({ type: "response" }, call);
      await provider.within({ type: "function", name: "search" }, (span) => {
        Object.assign(span.spanData, { input: '{"q":1}', output: "found" });
        call();
      });
      await provider.within({ type: "function", name: "broken" }, (span) => {
        span.error = { message: "tool failed", data: { error: "no network" } };
      });
      await asAgent("mine", call);
    });
    await provider.within({ type: "agent", name: "worker" }, call);
  });
}

const kTree = [
  "call in planner: OK",
  "call in search: OK",
  "search in planner: OK",
  "broken in planner: ERROR",
  "call in mine: OK",
  "mine in planner: OK",
  "planner in null: OK",
  "call in worker: OK",
  "worker in null: OK",
];

describe.each([
  ["on", false],
  ["off, as under NODE_ENV=test", true],
])("agents of @openai/agents whose tracing is %s", (_how, isOff) => {
  it("and their tools are spans of the rollout, with what they call below them", async () => {
    const scope = testScope();
    const provider = new Provider(isOff);
    holder[kProvider] = provider;
    await runInRollout(scope, () => agents(provider));
    expect(tree(scope.spans)).toEqual(kTree);
    const search = scope.spans.find(({ attributes }) => attributes["gen_ai.tool.name"] === "search");
    expect(search?.attributes).toMatchObject({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.call.arguments": '{"q":1}',
      "gen_ai.tool.call.result": "found",
    });
    const broken = scope.spans.find(({ attributes }) => attributes["gen_ai.tool.name"] === "broken");
    expect(broken?.status.description).toBe("no network");
    const planner = scope.spans.find(({ attributes }) => attributes["agent.name"] === "planner");
    expect(planner?.attributes).toMatchObject({ "gen_ai.operation.name": "invoke_agent" });
  });

  it("keep apart in rollouts that run at once", async () => {
    const scopes = Array.from({ length: 8 }, () => testScope());
    const provider = new Provider(isOff);
    holder[kProvider] = provider;
    await Promise.all(scopes.map((scope) => runInRollout(scope, () => agents(provider))));
    for (const { spans } of scopes) expect(tree(spans)).toEqual(kTree);
  });

  it("are seen where the provider comes in the middle of a rollout, and not after the last", async () => {
    const scope = testScope();
    const provider = new Provider(isOff);
    await runInRollout(scope, async () => {
      holder[kProvider] = provider;
      await agents(provider);
    });
    expect(tree(scope.spans)).toEqual(kTree);
    expect(holder[kProvider]).toBe(provider);
    expect(Object.keys(provider).sort()).toEqual(["current", "isOff"]);
    expect(provider.createTrace({}).traceId).toBe(isOff ? "no-op" : "trace");
  });
});
