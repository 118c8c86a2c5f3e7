// LangChain and LangGraph, by classes of @langchain/core: every callback manager gets a handler inside of rollouts, which records nodes of graphs, agents
// and tools; and what goes through a model's queue (`maxConcurrency`) stays code of the rollout that asked for it.
import { addLocator, bind, contextStorage, type FrameworkPlace, withPlace } from "../context.js";
import { type FrameworkSpan, openAgent, openTool } from "./framework-span.js";

export interface CallbackManagerClass {
  new (): CallbackManager;
  _configureSync(...values: unknown[]): CallbackManager | undefined;
}

export interface AsyncCallerClass {
  readonly prototype: { call: Callable; callWithRetries?: Callable };
}

interface LangChainHooks {
  manager(of: CallbackManagerClass): void;
  caller(of: AsyncCallerClass): void;
}

export function createLangChainHooks(): LangChainHooks {
  const runs = new Map<string, Run>();
  const handler = createHandler(runs);
  addLocator(() => runs.get(currentRun() ?? "")?.place);
  return {
    manager: (Manager) => {
      const { _configureSync } = Manager;
      Manager._configureSync = (...values) => {
        const manager = Reflect.apply(_configureSync, Manager, values) as CallbackManager | undefined;
        if (contextStorage().getStore() === undefined) return manager;
        const own = manager ?? new Manager();
        if (!own.handlers.includes(handler)) own.addHandler(handler, true);
        return own;
      };
    },
    caller: ({ prototype }) => {
      // What every call goes through; earlier versions have `call` alone.
      const name = prototype.callWithRetries === undefined ? "call" : "callWithRetries";
      const original = prototype[name] as Callable;
      prototype[name] = function (this: unknown, ...values: unknown[]) {
        const bound = values.map((value) => (typeof value === "function" ? bind(value as Callable) : value));
        return Reflect.apply(original, this, bound);
      };
    },
  };
}

// --- internal ---

type Callable = (...values: unknown[]) => unknown;

interface CallbackManager {
  readonly handlers: readonly object[];
  addHandler(handler: object, isInherited: boolean): void;
}

/** A run of LangChain's: of its own span, or of the one above, while it lasts. */
interface Run {
  readonly place: FrameworkPlace | undefined;
  readonly span: FrameworkSpan | undefined;
}

interface Metadata {
  readonly langgraph_node?: string;
  /** The name that createAgent was given. */
  readonly lc_agent_name?: string;
}

const kStorage = Symbol.for("ls:tracing_async_local_storage");
const kConfig = Symbol.for("lc:child_config");

/** The innermost run around the code, by LangChain's own storage. */
function currentRun(): string | undefined {
  const storage = (globalThis as { [kStorage]?: { getStore(): unknown } })[kStorage];
  const store = storage?.getStore() as
    | {
        readonly extra?: { readonly [kConfig]?: { readonly callbacks?: { readonly _parentRunId?: string } } };
      }
    | undefined;
  return store?.extra?.[kConfig]?.callbacks?._parentRunId;
}

function createHandler(runs: Map<string, Run>): object {
  const begin = (
    runId: string,
    parentRunId: string | undefined,
    open: (at: ReturnType<typeof contextOf>) => FrameworkSpan | undefined,
  ) => {
    const above = runs.get(parentRunId ?? "")?.place;
    const span = open(contextOf(above));
    runs.set(runId, { place: span?.place ?? above, span });
  };
  const end = (runId: string, result: Parameters<FrameworkSpan["end"]>[0]) => {
    runs.get(runId)?.span?.end(result);
    runs.delete(runId);
  };
  const handler = {
    ...{ name: "agentlightning", awaitHandlers: true, raiseError: false },
    ...{ ignoreLLM: true, ignoreChain: false, ignoreAgent: false },
    ...{ ignoreRetriever: true, ignoreCustomEvent: true },
    copy: () => handler,
    handleChainStart: (...[, , runId, parentRunId, , metadata, , runName]: ChainStart) =>
      begin(runId, parentRunId, (at) => {
        const node = metadata?.langgraph_node;
        return node === undefined || runName !== node || node.startsWith("__")
          ? undefined
          : openAgent(metadata?.lc_agent_name ?? node, at);
      }),
    handleChainEnd: (_output: unknown, runId: string) => end(runId, {}),
    handleChainError: (error: unknown, runId: string) => end(runId, { error }),
    handleToolStart: (...[, input, runId, parentRunId, , , runName, id]: ToolStart) =>
      begin(runId, parentRunId, (at) => openTool({ name: runName ?? "tool", id, input }, at)),
    handleToolEnd: (output: unknown, runId: string) => end(runId, { output: contentOf(output) }),
    handleToolError: (error: unknown, runId: string) => end(runId, { error }),
  };
  return handler;
}

type ChainStart = readonly [
  chain: unknown,
  inputs: unknown,
  runId: string,
  parentRunId: string | undefined,
  tags: unknown,
  metadata: Metadata | undefined,
  runType: unknown,
  runName: string | undefined,
];

type ToolStart = readonly [
  tool: unknown,
  input: string,
  runId: string,
  parentRunId: string | undefined,
  tags: unknown,
  metadata: unknown,
  runName: string | undefined,
  toolCallId: string | undefined,
];

function contextOf(above: FrameworkPlace | undefined) {
  const context = contextStorage().getStore();
  return context === undefined || above === undefined ? context : withPlace(context, above);
}

/** A message of a tool is what it says. */
function contentOf(output: unknown): unknown {
  return typeof output === "object" && output !== null && "content" in output ? output.content : output;
}
