// Does a call of the global fetch reach us? Asked of fetch itself, before anything depends on it: there are runtimes and programs whose fetch goes
// another way than the one that is wrapped.
import { LightningError } from "../base/error.js";
import { runInContext } from "./context.js";
import { kEndpointHost } from "./rollout-name.js";
import { warnOnce } from "./warn-once.js";
import { answerInFetch, isAnsweredInFetch } from "./wrap-fetch.js";

/**
 * Finds the way by which calls of the global fetch can be answered; to be called while the interception is installed. What was found holds for as
 * long as fetch is the same.
 * @returns false when there is none
 */
export function reachFetch(): Promise<boolean> {
  const { fetch } = globalThis;
  if (typeof fetch !== "function") return Promise.resolve(false);
  const { reached } = shared();
  const known = reached.get(fetch) ?? findWay();
  reached.set(fetch, known);
  return known;
}

/** What cannot be seen where only the global fetch can be. */
export const kEarlyClients =
  "this runtime's fetch can be seen only where it is looked up at each call: a client that was made before the first rollout may keep the fetch of that time, " +
  "and its calls leave for the provider; make it inside the agent, or give it fetch: (...values) => globalThis.fetch(...values)";

/** Warns once where clients that were made early cannot be seen. @throws E_STATE where no call of the global fetch can */
export async function assertReach(who: string): Promise<void> {
  if (await reachFetch()) {
    if (isAnsweredInFetch()) warnOnce("early clients", kEarlyClients);
    return;
  }
  throw new LightningError(
    "E_STATE",
    `${who}: expected calls of the global fetch to be answered in this process, got one that went past it, and the agent's calls would go to their ` +
      "provider with its key; let globalThis.fetch be writable and undici's global dispatcher or the runtime's own fetch behind it",
  );
}

// --- internal ---

const kReached = Symbol.for("agentlightning.reached");
const kPatienceMs = 2000;

interface Shared {
  /** Whether calls are answered, by fetch. */
  readonly reached: WeakMap<typeof fetch, Promise<boolean>>;
}

function shared(): Shared {
  const holder = globalThis as { [kReached]?: Shared };
  holder[kReached] ??= { reached: new WeakMap() };
  return holder[kReached];
}

async function findWay(): Promise<boolean> {
  if (await ask()) return true;
  answerInFetch();
  return await ask();
}

/** A call that names no rollout: only we answer it, and refuse. */
async function ask(): Promise<boolean> {
  const signal = AbortSignal.timeout(kPatienceMs);
  try {
    const response = await runInContext(undefined, () =>
      fetch(`http://${kEndpointHost}/self-test`, { signal }),
    );
    return (await response.text()).includes("rollout_unknown");
  } catch {
    return false; // It went out, where nothing has this name.
  }
}
