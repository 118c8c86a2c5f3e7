// The rollout that the running code belongs to: one AsyncLocalStorage for the whole process, at a global symbol, so that
// two copies of the package see the same rollout. Nothing else of a rollout is global; thousands may run at once.
import { AsyncLocalStorage } from "node:async_hooks";
import { types } from "node:util";
import { argumentError } from "../base/check.js";
import type { RolloutContext, RolloutEndpoint } from "../types/agent.js";
import type { CallNote, ModelHandler, RouteAction } from "../types/model-call.js";
import type { SpanDraft } from "../types/span.js";

/** A rollout as tracing needs it: who it is, and what to do with its spans and its model calls. */
export interface RolloutScope extends Omit<RolloutContext, "endpoint"> {
  /** Absent: nothing listens, and the address is that of none. */
  readonly endpoint?: RolloutEndpoint;
  /** Receives each span when it ends, in that order. */
  record(span: SpanDraft): void;
  /** What to do with a model call. `host` has the port unless it is the scheme's own; model null: not known. */
  route(host: string, model: string | null): RouteAction;
  /** Answers the calls that `route` says to serve. */
  readonly handle: ModelHandler;
  /** Runs before `record`: what it returns is recorded instead; null keeps the span out. */
  redact?(span: SpanDraft): SpanDraft | null;
  /** Told of each model call when it begins, and of those that could not be seen. */
  note?(call: CallNote): void;
  /** Told of each span that came after the abort of `signal` or after the rollout's end, and was dropped. */
  drop?(span: SpanDraft): void;
  /** Told of each error of the rollout that nobody waits for, also after its end; without it such an error takes Node's way. */
  fail?(error: unknown): void;
}

/** What travels with the running code. Copies of the package share it: fields may be added, not changed. */
export interface ActiveContext {
  readonly scope: RolloutScope;
  readonly visible: RolloutContext;
  /** 32 hex digits; one per attempt. */
  readonly traceId: string;
  /** The span that encloses what runs now; null at the top. */
  readonly parentId: string | null;
  /** Innermost name given by asAgent. */
  readonly agent: string | null;
  /** False inside `unrouted` and while a request is already being handled. */
  readonly isRouted: boolean;
  readonly life: { isOver: boolean };
}

/** The rollout that the caller runs in, as its agent sees it; undefined outside. */
export function rollout(): RolloutContext | undefined {
  return currentContext()?.visible;
}

/** The scope given to runInRollout; undefined outside. */
export function currentScope(): RolloutScope | undefined {
  return currentContext()?.scope;
}

/** The innermost agent name (asAgent) around the caller; null when there is none. */
export function currentAgent(): string | null {
  return currentContext()?.agent ?? null;
}

/**
 * Runs code whose model calls must reach the real provider, such as a judge: they are neither served nor recorded,
 * and the deadline does not reject them. Emits inside still belong to the rollout.
 */
export function unrouted<T>(fn: () => T): T {
  if (typeof fn !== "function")
    throw argumentError("unrouted", "a function", fn, "as in unrouted(() => judge(answer))");
  return runWith({ isRouted: false }, fn);
}

/**
 * The function as code of the rollout that calls `bind`, agent name and enclosing span included, wherever it runs: for work that goes through a
 * queue, pool or emitter which other rollouts share. Each step of a generator that it returns is code of the rollout, too. Outside a rollout it
 * is the function itself.
 */
export function bind<This, Args extends unknown[], T>(
  fn: (this: This, ...values: Args) => T,
): (this: This, ...values: Args) => T {
  if (typeof fn !== "function")
    throw argumentError("bind", "a function", fn, "as in queue.add(bind(() => client.ask(question)))");
  const context = currentContext();
  if (context === undefined) return fn;
  return function bound(this: This, ...values: Args) {
    const made = runInContext(context, () => fn.apply(this, values));
    return types.isGeneratorObject(made) ? bindSteps(context, made) : made;
  };
}

export function currentContext(): ActiveContext | undefined {
  const context = contextStorage().getStore();
  return context && locate(context);
}

/** Where an agent framework says that the running code is: inside a span which it opened, under a name which it gave. */
export interface FrameworkPlace {
  /** Of the rollout in which it was opened, and the span that enclosed it by the context alone. */
  readonly life: ActiveContext["life"];
  readonly under: string | null;
  readonly spanId: string;
  readonly agent: string | null;
  /** Unix seconds: of two places, the later one is inside the other. */
  readonly openedAt: number;
}

/**
 * Asks `locator`, too, where code runs which a framework follows by means of its own; those are asked at every look at the context.
 * @returns takes it away again
 */
export function addLocator(locator: () => FrameworkPlace | undefined): () => void {
  locators().add(locator);
  return () => void locators().delete(locator);
}

/** Runs `fn` as the rollout's code; undefined: as that of none. */
export function runInContext<T>(context: ActiveContext | undefined, fn: () => T): T {
  return contextStorage().run(context, fn);
}

/** Runs `fn` with some fields of the context changed; outside a rollout it only runs `fn`. */
export function runWith<T>(
  change: Partial<Pick<ActiveContext, "parentId" | "agent" | "isRouted">>,
  fn: () => T,
): T {
  const context = currentContext();
  return context === undefined ? fn() : contextStorage().run({ ...context, ...change }, fn);
}

/** True when the rollout no longer takes spans or makes model calls: aborted, or its function has returned. */
export function isOver(context: ActiveContext): boolean {
  return context.life.isOver || context.scope.signal.aborted;
}

/** The context at a place; as it is where something of ours (operation, asAgent) encloses the code within the place, or it is another rollout's. */
export function withPlace(context: ActiveContext, place: FrameworkPlace): ActiveContext {
  if (!isIn(context, place)) return context;
  return { ...context, parentId: place.spanId, agent: place.agent ?? context.agent };
}

/** An AsyncLocalStorage. */
export interface ContextStorage {
  getStore(): ActiveContext | undefined;
  run<T>(context: ActiveContext | undefined, fn: () => T): T;
  enterWith(context: ActiveContext): void;
}

/** What carries the context, for channels that run code inside of a store. */
export function contextStorage(): ContextStorage {
  const holder = globalThis as { [kContext]?: AsyncLocalStorage<ActiveContext | undefined> };
  holder[kContext] ??= new AsyncLocalStorage<ActiveContext | undefined>();
  return holder[kContext];
}

// --- internal ---

/** A generator runs in the context of whoever asks it for the next value. */
function bindSteps<Steps extends object>(context: ActiveContext, generator: Steps): Steps {
  return new Proxy(generator, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || !kSteps.has(key)) return value;
      return (...values: unknown[]) => runInContext(context, () => Reflect.apply(value, target, values));
    },
  });
}

const kSteps: ReadonlySet<string | symbol> = new Set(["next", "return", "throw"]);

const kContext = Symbol.for("agentlightning.context");
const kLocators = Symbol.for("agentlightning.locators");

function locate(context: ActiveContext): ActiveContext {
  let found: FrameworkPlace | undefined;
  for (const locator of locators()) {
    const place = locator();
    if (place === undefined || !isIn(context, place)) continue;
    if (found === undefined || place.openedAt >= found.openedAt) found = place;
  }
  return found === undefined ? context : withPlace(context, found);
}

function isIn(context: ActiveContext, { life, under }: FrameworkPlace): boolean {
  return life === context.life && under === context.parentId;
}

function locators(): Set<() => FrameworkPlace | undefined> {
  const holder = globalThis as { [kLocators]?: Set<() => FrameworkPlace | undefined> };
  holder[kLocators] ??= new Set();
  return holder[kLocators];
}
