// Classes like those of @langchain/core: managers that tell their handlers, a storage for the innermost run, and a queue.
import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, describe, expect, it } from "vitest";
import { currentAgent } from "../../../src/tracing/context.js";
import { createReceiver } from "../../../src/tracing/hooks/receive-classes.js";
import { runInRollout } from "../../../src/tracing/run-in-rollout.js";
import { emitSpan } from "../../../src/tracing/span.js";
import { testScope } from "../test-scope.js";

const kStorage = Symbol.for("ls:tracing_async_local_storage");
const kConfig = Symbol.for("lc:child_config");
const storage = new AsyncLocalStorage<object>();
Reflect.set(globalThis, kStorage, storage);
afterAll(() => void Reflect.deleteProperty(globalThis, kStorage));

type Handler = Record<string, (...values: unknown[]) => void>;
class CallbackManager {
  handlers: Handler[] = [];
  addHandler(handler: Handler) {
    this.handlers.push(handler);
  }
  static _configureSync(): CallbackManager | undefined {
    return undefined;
  }
}
class AsyncCaller {
  readonly #waiting: (() => Promise<void>)[] = [];
  #isBusy = false;
  call(callable: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(async () => callable().then(resolve, reject));
      if (!this.#isBusy) void this.#work();
    });
  }
  async #work() {
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) await next();
    this.#isBusy = false;
  }
}

const receive = createReceiver();
receive("CallbackManager", CallbackManager);
receive("AsyncCaller", AsyncCaller);
receive("ToolLoopAgent", undefined);

const call = () => emitSpan({ name: "call", attributes: { agent: currentAgent() ?? "none" } });
let runs = 0;

/** A run as LangChain makes it: its handlers are told, and what it starts finds it in the storage. */
async function run(
  kind: "Chain" | "Tool",
  { name, metadata = {}, parent }: { name: string; metadata?: object; parent?: string },
  fn: (runId: string) => unknown,
): Promise<void> {
  const manager = CallbackManager._configureSync();
  const runId = `run-${runs++}`;
  const tell = (event: string, ...values: unknown[]) => {
    for (const handler of manager?.handlers ?? []) handler[event]?.(...values);
  };
  if (kind === "Chain") tell("handleChainStart", {}, {}, runId, parent, [], metadata, "chain", name);
  else tell("handleToolStart", {}, '{"city":"Paris"}', runId, parent, [], metadata, name, "call-1");
  try {
    const config = { callbacks: { _parentRunId: runId } };
    const output = await storage.run({ extra: { [kConfig]: config } }, async () => await fn(runId));
    tell(`handle${kind}End`, { content: output }, runId);
  } catch (error) {
    tell(`handle${kind}Error`, error, runId);
  }
}

const graph = () =>
  run("Chain", { name: "LangGraph" }, async (parent) => {
    await run("Chain", { name: "__start__", metadata: { langgraph_node: "__start__" }, parent }, call);
    await run("Chain", { name: "write", metadata: { langgraph_node: "write" }, parent }, async (node) => {
      call();
      // What a node starts has the node's metadata, and is none itself.
      await run("Chain", { name: "inner", metadata: { langgraph_node: "write" }, parent: node }, call);
      await run("Tool", { name: "weather", parent: node }, () => "sunny");
      await run("Tool", { name: "broken", parent: node }, () => {
        throw new Error("no weather");
      });
    });
    const metadata = { langgraph_node: "model_request", lc_agent_name: "editor" };
    await run("Chain", { name: "model_request", metadata, parent }, call);
  });

describe("a graph of LangGraph", () => {
  it("gives calls the names of its nodes, or that of createAgent, and tools are spans below their node", async () => {
    const scopes = [testScope(), testScope()];
    await Promise.all(scopes.map((scope) => runInRollout(scope, graph)));
    for (const { spans } of scopes) {
      const calls = spans.filter(({ name }) => name === "call");
      expect(calls.map(({ attributes }) => attributes.agent)).toEqual(["none", "write", "write", "editor"]);
      const node = spans.find(({ attributes }) => attributes["agent.name"] === "write");
      const tools = spans.filter(({ attributes }) => "gen_ai.tool.name" in attributes);
      expect(tools.map(({ parentId }) => parentId)).toEqual([node?.spanId, node?.spanId]);
      expect(calls.slice(1, 3).map(({ parentId }) => parentId)).toEqual([node?.spanId, node?.spanId]);
      expect(tools.map(({ status }) => status.description)).toEqual([null, "no weather"]);
      expect(tools[0]?.attributes).toMatchObject({
        "gen_ai.tool.call.id": "call-1",
        "gen_ai.tool.call.result": "sunny",
      });
    }
  });

  it("is not touched outside of rollouts", async () => {
    await graph();
    expect(CallbackManager._configureSync()).toBeUndefined();
  });
});

describe("a queue of LangChain's that rollouts share", () => {
  it("runs each call as code of the rollout that asked for it", async () => {
    const caller = new AsyncCaller();
    const scopes = Array.from({ length: 56 }, () => testScope());
    await Promise.all(
      scopes.map((scope) =>
        runInRollout(scope, () => caller.call(async () => emitSpan({ name: "call", attributes: {} }))),
      ),
    );
    expect(scopes.map(({ spans }) => spans.length)).toEqual(scopes.map(() => 1));
  });
});
