// Which classes of which modules are handed to us, and what becomes of them.
import { currentContext, runInContext } from "../context.js";
import { openAgent } from "./framework-span.js";
import { type AsyncCallerClass, type CallbackManagerClass, createLangChainHooks } from "./langchain.js";
import type { ModulePatch } from "./patch-modules.js";

export const kPatches: readonly ModulePatch[] = [
  { file: /\/@langchain\/core\/dist\/callbacks\/manager\.c?js$/, name: "CallbackManager" },
  { file: /\/@langchain\/core\/dist\/utils\/async_caller\.c?js$/, name: "AsyncCaller" },
  { file: /\/node_modules\/ai\/dist\/index\.m?js$/, name: "ToolLoopAgent" },
  { file: /\/@mastra\/core\/dist\/agent\/index\.c?js$/, name: "Agent" },
];

/** Takes a class by its name; undefined: the module has none of it. */
export function createReceiver(): (name: string, received: unknown) => void {
  const langChain = createLangChainHooks();
  return (name, received) => {
    if (typeof received !== "function") return;
    if (name === "CallbackManager") langChain.manager(received as unknown as CallbackManagerClass);
    if (name === "AsyncCaller") langChain.caller(received as unknown as AsyncCallerClass);
    if (name === "ToolLoopAgent" || name === "Agent") nameRuns(received as unknown as AgentClass);
  };
}

// --- internal ---

interface NamedAgent {
  readonly id?: string;
  /** Mastra's has a name as well. */
  readonly name?: string;
  generate(...values: unknown[]): unknown;
  stream(...values: unknown[]): unknown;
}

interface AgentClass {
  readonly prototype: NamedAgent;
}

/** What an agent of the AI SDK or of Mastra does is inside of an agent of that name. */
function nameRuns({ prototype }: AgentClass): void {
  for (const method of ["generate", "stream"] as const) {
    const original = prototype[method];
    prototype[method] = function (...values) {
      const run = () => Reflect.apply(original, this, values) as unknown;
      const name = this.name ?? this.id;
      const span = name === undefined ? undefined : openAgent(name, currentContext());
      if (span === undefined) return run();
      const made = runInContext(span.inside, async () => run());
      made.then(
        () => span.end(),
        (error: unknown) => span.end({ error }),
      );
      return made;
    };
  }
}
