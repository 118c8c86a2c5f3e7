// Puts the interceptor in front of undici's dispatchers: the global ones, and any that a call brings along. fetch looks the global ones up at
// each call, so clients that captured fetch earlier are seen too.
import type { Dispatcher, DispatchHandler, DispatchOptions } from "./dispatcher.js";
import { interceptDispatch } from "./intercept.js";

/** Wraps the global dispatchers of this moment, those that are not wrapped yet. */
export function wrapGlobalDispatchers(): void {
  for (const key of kDispatchers) {
    const dispatcher = globals[key];
    if (dispatcher !== undefined) globals[key] = wrapDispatcher(dispatcher); // Writable, but not configurable: assignment is the only way.
  }
}

/** Puts those back that are still ours; one that someone else has set meanwhile stays. */
export function unwrapGlobalDispatchers(): void {
  for (const key of kDispatchers) {
    const dispatcher = globals[key];
    const original = dispatcher && shared().originals.get(dispatcher);
    if (original !== undefined) globals[key] = original;
  }
}

/** What the global dispatcher was before it was wrapped; undefined where there is none, as on Bun. */
export function originalDispatcher(): Dispatcher | undefined {
  for (const key of kDispatchers) {
    const dispatcher = globals[key];
    if (dispatcher !== undefined) return shared().originals.get(dispatcher) ?? dispatcher;
  }
  return undefined;
}

/** The same proxy for the same dispatcher, and for a proxy itself. */
export function wrapDispatcher(original: Dispatcher): Dispatcher {
  const { originals, proxies } = shared();
  if (originals.has(original)) return original;
  const known = proxies.get(original);
  if (known !== undefined) return known;
  // Methods are bound to the target, whose private fields a proxy does not have. `compose` builds on what it is called
  // on, so it gets the proxy: a dispatcher composed during a rollout still sees its calls.
  const proxy: Dispatcher = new Proxy(original, {
    get(target, key) {
      if (key === "dispatch") {
        return (options: DispatchOptions, handler: DispatchHandler) =>
          interceptDispatch(target, options, handler);
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(key === "compose" ? proxy : target) : value;
    },
  });
  originals.set(proxy, original);
  proxies.set(original, proxy);
  return proxy;
}

// --- internal ---

// Version 1 serves fetch of Node 20 to 24, version 2 that of Node 26 and undici 8; Node 24 has one object in both.
const kDispatchers = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")];
/** Two copies of the package must know each other's proxies. */
const kProxies = Symbol.for("agentlightning.dispatchers");

interface Shared {
  /** By proxy. */
  readonly originals: WeakMap<Dispatcher, Dispatcher>;
  /** By original. */
  readonly proxies: WeakMap<Dispatcher, Dispatcher>;
}

const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined> & { [kProxies]?: Shared };

function shared(): Shared {
  globals[kProxies] ??= { originals: new WeakMap(), proxies: new WeakMap() };
  return globals[kProxies];
}
