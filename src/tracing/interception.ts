// Puts the interceptor in front of undici's global dispatchers while at least one rollout runs, and takes it away after
// the last. fetch looks the dispatcher up at each call, so clients that captured fetch earlier are seen too. The count
// and the originals live at a global symbol: two copies of the package must agree on them.
import type { Dispatcher, DispatchHandler, DispatchOptions } from "./dispatcher.js";
import { interceptDispatch } from "./intercept.js";
import { reportUnseenCalls } from "./unseen-calls.js";

/**
 * Wraps the global dispatchers that are not wrapped yet: those of this moment, so a dispatcher that someone sets
 * during a rollout is wrapped when the next one starts.
 * @returns the release, to be called once; after the last one every dispatcher that is still ours is put back as it
 *   was, and one that someone else has set meanwhile stays
 */
export function installInterception(): () => void {
  const state = sharedState();
  if (state.holders++ === 0) state.stopReporting = reportUnseenCalls();
  wrapDispatchers(state);
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    if (--state.holders === 0) restore(state);
  };
}

// --- internal ---

const kState = Symbol.for("agentlightning.interception");
// Version 1 serves fetch of Node 20 to 24, version 2 that of Node 26 and undici 8; Node 24 has one object in both.
const kDispatchers = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")];

interface State {
  holders: number;
  wrapped: { readonly key: symbol; readonly original: Dispatcher; readonly proxy: Dispatcher }[];
  stopReporting: () => void;
}

const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined> & { [kState]?: State };

function sharedState(): State {
  globals[kState] ??= { holders: 0, wrapped: [], stopReporting: () => undefined };
  return globals[kState];
}

function wrapDispatchers(state: State): void {
  new Headers(); // Node makes its dispatcher when something of fetch is first used.
  for (const key of kDispatchers) {
    const original = globals[key];
    if (original === undefined || state.wrapped.some(({ proxy }) => proxy === original)) continue;
    const proxy =
      state.wrapped.find((entry) => entry.original === original)?.proxy ?? wrapDispatcher(original);
    state.wrapped.push({ key, original, proxy });
    globals[key] = proxy; // Writable, but not configurable: assignment is the only way.
  }
}

function restore(state: State): void {
  state.stopReporting();
  for (const { key, original, proxy } of state.wrapped.reverse()) {
    if (globals[key] === proxy) globals[key] = original;
  }
  state.wrapped = [];
}

// Methods are bound to the target, whose private fields a proxy does not have. `compose` builds on what it is called
// on, so it gets the proxy: a dispatcher composed during a rollout still sees its calls.
function wrapDispatcher(original: Dispatcher): Dispatcher {
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
  return proxy;
}
