// Opens and closes the context of one rollout.
import type { RolloutContext } from "../types/agent.js";
import { type ActiveContext, type RolloutScope, runInContext } from "./context.js";
import { installInterception } from "./interception.js";
import { enterRollout } from "./live-rollouts.js";
import { toEndpoint } from "./rollout-name.js";
import { reachFetch } from "./self-test.js";
import { newTraceId } from "./span.js";

/**
 * Runs `fn` as the code of a rollout: its spans, its model calls and what it starts belong to the scope. Model calls
 * are watched until `fn` has settled, also past the abort of `scope.signal`, so that none escapes to a provider; who
 * stops waiting at a deadline races this promise. Afterwards spans are dropped and model calls refused.
 * @returns what `fn` returns; rejects as it does
 */
export async function runInRollout<T>(
  scope: RolloutScope,
  fn: (context: RolloutContext) => T | PromiseLike<T>,
): Promise<T> {
  const { rolloutId, attemptId, mode, signal, resources } = scope;
  const endpoint = scope.endpoint ?? toEndpoint(rolloutId, attemptId);
  const visible: RolloutContext = Object.freeze({ rolloutId, attemptId, mode, signal, resources, endpoint });
  const context: ActiveContext = {
    ...{ scope, visible, traceId: newTraceId() },
    ...{ parentId: null, agent: null, isRouted: true, life: { isOver: false } },
  };
  const release = installInterception();
  const leave = enterRollout(context);
  try {
    await reachFetch();
    // Awaited inside: a lazy thenable, such as a query builder, starts its work when it is awaited.
    return await runInContext(context, async () => await fn(visible));
  } finally {
    context.life.isOver = true;
    leave();
    release();
  }
}
