// Puts the interceptor in front of what model calls go through while at least one rollout runs, and takes it away after
// the last. The count lives at a global symbol: two copies of the package must agree on it.
import { watchEscapes } from "./escaped-calls.js";
import { watchAiSdk } from "./hooks/ai-sdk.js";
import { watchOpenAIAgents } from "./hooks/openai-agents.js";
import { wrapAgents } from "./wrap-agents.js";
import { unwrapGlobalDispatchers, wrapGlobalDispatchers } from "./wrap-dispatchers.js";
import { unwrapGlobalFetch, wrapGlobalFetch } from "./wrap-fetch.js";

/**
 * Wraps the global fetch, the agents of node:http and the global dispatchers, those that are not wrapped yet; a dispatcher that someone sets meanwhile is wrapped by the
 * next call that sees it.
 * @returns the release, to be called once; after the last one all that is still ours is put back as it was, and what
 *   someone else has set meanwhile stays
 */
export function installInterception(): () => void {
  const state = sharedState();
  new Headers(); // Node makes its dispatcher when something of fetch is first used.
  if (state.holders++ === 0) state.stopWatching = watch();
  wrapGlobalDispatchers();
  wrapGlobalFetch(() => state.holders > 0);
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    if (--state.holders > 0) return;
    state.stopWatching();
    unwrapGlobalDispatchers();
    unwrapGlobalFetch();
  };
}

// --- internal ---

const kState = Symbol.for("agentlightning.interception");

interface State {
  holders: number;
  stopWatching: () => void;
}

function watch(): () => void {
  const stops = [wrapAgents(), watchEscapes(), watchOpenAIAgents(), watchAiSdk()];
  return () => {
    for (const stop of stops) stop();
  };
}

function sharedState(): State {
  const holder = globalThis as { [kState]?: State };
  holder[kState] ??= { holders: 0, stopWatching: () => undefined };
  return holder[kState];
}
