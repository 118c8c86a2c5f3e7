// @openai/agents: the global trace provider makes a span of every agent, tool, handoff and turn, and follows the current one by a storage of its own. Its
// `createTrace` and `createSpan` are wrapped while rollouts run: spans of a rollout are recorded when they end. Where tracing is off (NODE_ENV=test,
// OPENAI_AGENTS_DISABLE_TRACING, a run's tracingDisabled), a rollout has spans all the same, which only the rollout gets to see.
import {
  type ActiveContext,
  addLocator,
  contextStorage,
  currentContext,
  type FrameworkPlace,
  withPlace,
} from "../context.js";
import { type FrameworkSpan, openAgent, openTool } from "./framework-span.js";

/** Watches the provider that is there, or comes, until the returned function is called. */
export function watchOpenAIAgents(): () => void {
  const holder = globalThis as { [kProvider]?: Provider | undefined };
  let provider = holder[kProvider];
  let unwrap = provider === undefined ? () => undefined : wrapProvider(provider);
  const isAwaited = provider === undefined;
  if (isAwaited)
    Object.defineProperty(globalThis, kProvider, {
      configurable: true,
      get: () => provider,
      set: (made: Provider | undefined) => {
        unwrap();
        provider = made;
        unwrap = made === undefined ? () => undefined : wrapProvider(made);
      },
    });
  return () => {
    unwrap();
    if (!isAwaited) return;
    const own = { value: provider, writable: true, configurable: true };
    if (provider === undefined) Reflect.deleteProperty(globalThis, kProvider);
    else Object.defineProperty(globalThis, kProvider, own);
  };
}

// --- internal ---

const kProvider = Symbol.for("openai.agents.core.traceProvider");
/** The id of what is made while tracing is off. */
const kNone = "no-op";

interface SpanOptions {
  readonly data: SpanData;
  readonly spanId?: string;
}

interface SpanData {
  readonly type: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly from_agent?: string;
  readonly to_agent?: string;
}

interface AgentsSpan {
  readonly spanId: string;
  readonly traceId: string;
  readonly spanData: SpanData;
  readonly error: { readonly message?: string; readonly data?: { readonly error?: unknown } } | null;
  end(): void;
}

interface AgentsTrace {
  readonly traceId: string;
}

interface Provider {
  createTrace(options: { readonly name?: string; readonly traceId?: string }): AgentsTrace;
  createSpan(options: SpanOptions, parent?: AgentsSpan | AgentsTrace): AgentsSpan;
  getCurrentTrace(): AgentsTrace | null;
  getCurrentSpan(): AgentsSpan | null;
  generateTraceId(): string;
  generateSpanId(): string;
}

type Maker<Made> = new (options: object, processor: object) => Made;

function wrapProvider(provider: Provider): () => void {
  const { createTrace, createSpan } = provider;
  const places = new WeakMap<object, FrameworkPlace>();
  const ours: Partial<Provider> = {
    createTrace: (options) => {
      const trace = createTrace.call(provider, options);
      const isOff = trace.traceId === kNone && currentContext() !== undefined;
      return isOff ? quietTrace(provider, trace, options) : trace;
    },
    createSpan: (options, parent) => {
      const made = createSpan.call(provider, options, parent);
      const context = contextStorage().getStore();
      if (context === undefined) return made;
      const above = parent ?? provider.getCurrentSpan() ?? provider.getCurrentTrace();
      const span = made.spanId === kNone ? quietSpan(provider, made, options, above) : made;
      const place = above === null ? undefined : places.get(above);
      const seen = openFor(options.data, place === undefined ? context : withPlace(context, place));
      if (seen !== undefined) follow(span, seen);
      const own = seen?.place ?? place;
      if (own !== undefined) places.set(span, own);
      return span;
    },
  };
  Object.assign(provider, ours);
  const removeLocator = addLocator(() => {
    const span = provider.getCurrentSpan();
    return span === null ? undefined : places.get(span);
  });
  return () => {
    removeLocator();
    if (provider.createTrace === ours.createTrace) Reflect.deleteProperty(provider, "createTrace");
    if (provider.createSpan === ours.createSpan) Reflect.deleteProperty(provider, "createSpan");
  };
}

/** Turns, tasks, responses and generations have no span of their own: what happens in them belongs to what encloses them. */
function openFor({ type, name = "", from_agent }: SpanData, at: ActiveContext): FrameworkSpan | undefined {
  if (type === "agent") return openAgent(name, at);
  if (type === "function") return openTool({ name }, at);
  return type === "handoff" ? openTool({ name: "handoff", input: { from_agent } }, at) : undefined;
}

function follow(span: AgentsSpan, seen: FrameworkSpan): void {
  const { end } = span;
  span.end = () => {
    end.call(span);
    const { spanData, error } = span;
    const { input, output = spanData.to_agent } = spanData;
    seen.end({ input, output, ...(error === null ? {} : { error: toError(error) }) });
  };
}

function toError({ message, data }: NonNullable<AgentsSpan["error"]>): unknown {
  const cause = data?.error;
  return cause instanceof Error ? cause : new Error(String(cause ?? message));
}

/** Nobody but the rollout is told. */
const kNobody = {
  onTraceStart: async () => undefined,
  onTraceEnd: async () => undefined,
  onSpanStart: async () => undefined,
  onSpanEnd: async () => undefined,
};

/** The class of which the one for tracing that is off is a subclass. */
function makerOf<Made extends object>(none: Made): Maker<Made> {
  return Object.getPrototypeOf(Object.getPrototypeOf(none)).constructor;
}

function quietTrace(provider: Provider, none: AgentsTrace, options: { readonly name?: string }): AgentsTrace {
  const named = { ...options, name: options.name ?? "Agent workflow", traceId: provider.generateTraceId() };
  return new (makerOf(none))(named, kNobody);
}

function quietSpan(
  provider: Provider,
  none: AgentsSpan,
  options: SpanOptions,
  above: AgentsSpan | AgentsTrace | null,
): AgentsSpan {
  if (!above || above.traceId === kNone) return none;
  const parentId = "spanId" in above ? above.spanId : undefined;
  const ids = { traceId: above.traceId, parentId, spanId: provider.generateSpanId() };
  return new (makerOf(none))({ ...options, ...ids }, kNobody);
}
