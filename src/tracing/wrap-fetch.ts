// Wraps the global fetch: so that it sees a dispatcher which was set or brought along meanwhile, and, where fetch does not go through undici's
// dispatchers at all (Bun, a polyfill on node:http), so that calls are answered right here.
import type { Dispatcher } from "./dispatcher.js";
import { answerEarly, isNodesOwn } from "./early-answer.js";
import { type Fetch, interceptFetch } from "./intercept-fetch.js";
import { originalDispatcher, wrapDispatcher, wrapGlobalDispatchers } from "./wrap-dispatchers.js";

/**
 * Wraps what is the global fetch now, unless it is ours.
 * @param isWanted  asked at each call: a wrapper that someone has wrapped in turn may outlive its use
 */
export function wrapGlobalFetch(isWanted: () => boolean): void {
  const { originals, proxies, nodesOwn } = shared();
  const original = globals.fetch;
  if (typeof original !== "function" || originals.has(original)) return;
  const apply = (target: Fetch, _this: unknown, [input, init]: Parameters<Fetch>) =>
    isWanted() ? callFetch(target, input, init) : target(input, init);
  const proxy: Fetch = proxies.get(original) ?? new Proxy(original, { apply });
  originals.set(proxy, original);
  proxies.set(original, proxy);
  if (isNodesOwn(original)) nodesOwn?.add(original);
  Reflect.set(globals, "fetch", proxy); // Where it cannot be set, the self-test says so.
}

/** Puts the original back, unless someone else has set another meanwhile. */
export function unwrapGlobalFetch(): void {
  const original = shared().originals.get(globals.fetch);
  if (original !== undefined) Reflect.set(globals, "fetch", original);
}

/** From now on the calls of what is the global fetch now are answered before it sees them: it goes through no dispatcher of undici's. */
export function answerInFetch(): void {
  const { originals, aside } = shared();
  const original = originals.get(globals.fetch);
  if (original !== undefined) aside.add(original);
}

/** Whether calls are answered in the global fetch alone: those of a client that captured an earlier one cannot be seen. */
export function isAnsweredInFetch(): boolean {
  return goesPast(shared().originals.get(globals.fetch) ?? globals.fetch);
}

// --- internal ---

const kFetches = Symbol.for("agentlightning.fetch");

interface Shared {
  /** By proxy. */
  readonly originals: WeakMap<Fetch, Fetch>;
  /** By original: the same proxy every time. */
  readonly proxies: WeakMap<Fetch, Fetch>;
  /** Originals that go past the dispatchers. */
  readonly aside: WeakSet<Fetch>;
  /** Originals whose served calls are answered before they see them. Another copy of the package may have made this without it. */
  readonly nodesOwn?: WeakSet<Fetch>;
}

const globals = globalThis as unknown as { fetch: Fetch; [kFetches]?: Shared };

function shared(): Shared {
  globals[kFetches] ??= {
    originals: new WeakMap(),
    proxies: new WeakMap(),
    aside: new WeakSet(),
    nodesOwn: new WeakSet(),
  };
  return globals[kFetches];
}

/** Past undici's dispatchers. */
function goesPast(original: Fetch): boolean {
  return originalDispatcher() === undefined || shared().aside.has(original);
}

function callFetch(original: Fetch, input: Parameters<Fetch>[0], init: RequestInit | undefined) {
  wrapGlobalDispatchers();
  const { nodesOwn } = shared();
  const early = nodesOwn?.has(original) ? answerEarly(input, init) : undefined;
  if (early !== undefined) return early;
  if (goesPast(original)) return interceptFetch(original, input, init);
  const own = init?.dispatcher as Dispatcher | undefined;
  if (typeof own?.dispatch !== "function") return original(input, init);
  return original(input, { ...init, dispatcher: wrapDispatcher(own) } as RequestInit);
}
