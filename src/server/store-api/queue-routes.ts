// Routes of the queue: enqueue, dequeue, and the wait for rollouts to end.
import { z } from "zod";
import { LightningError } from "../../base/error.js";
import { fromWireWorkerId } from "../../store/http/wire-attempts.js";
import { fromWireNewRollout, toWireRollout } from "../../store/http/wire-mapping.js";
import { attemptedRolloutSchema, rolloutSchema } from "../../store/http/wire-records.js";
import {
  dequeueSchema,
  enqueueSchema,
  startAttemptSchema,
  waitSchema,
} from "../../store/http/wire-requests.js";
import type { LightningStore } from "../../store/store.js";
import type { WaitOptions } from "../../store/store-records.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import type { LongPolls } from "./long-polls.js";
import { defineRoute, type Route } from "./route.js";

export function queueRoutes(store: LightningStore, polls: LongPolls): readonly Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/queues/rollouts/enqueue",
      summary: "Appends rollouts to the queue, in order",
      body: enqueueSchema,
      status: 201,
      answer: z.array(rolloutSchema),
      handle: async ({ body }) =>
        (await store.enqueue(body.rollouts.map(fromWireNewRollout))).map(toWireRollout),
    }),
    defineRoute({
      method: "POST",
      path: "/queues/rollouts/dequeue",
      summary:
        "Takes rollouts off the queue, oldest first, with a new attempt each; waits for one when told to",
      body: dequeueSchema,
      isBodyOptional: true,
      answer: z.array(attemptedRolloutSchema),
      handle: async (call) => {
        const { limit, worker_id, timeout } = call.body;
        const claim = (options?: WaitOptions) => store.claim(fromWireWorkerId(worker_id), limit, options);
        if (!timeout || limit <= 0) return (await claim()).map(toWireRollout);
        const claimed = await polls.run(timeout, call.signal, claim, () => claim());
        if (call.signal.aborted) await putBack(store, claimed);
        return claimed.map(toWireRollout);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/queues/rollouts/:rollout_id/dequeue",
      summary: "Takes this one rollout off the queue, with a new attempt; 409 when it is not queued",
      body: startAttemptSchema,
      isBodyOptional: true,
      answer: attemptedRolloutSchema,
      handle: async ({ params, body }) =>
        toWireRollout(await store.claimRollout(params.rollout_id ?? "", fromWireWorkerId(body.worker_id))),
    }),
    defineRoute({
      method: "POST",
      path: "/waits/rollouts",
      summary: "Waits until all have ended or time is up; answers with those that have ended",
      body: waitSchema,
      answer: z.array(rolloutSchema),
      handle: async ({ body, signal }) => {
        const ids = await knownIds(store, body.rollout_ids, body.strict);
        const wait = (options: WaitOptions) => store.waitForRollouts(ids, options);
        const ended = await polls.run(body.timeout ?? null, signal, wait, () => wait({ timeoutMs: 0 }));
        return ended.map(withoutAttempt).map(toWireRollout);
      },
    }),
  ];
}

// --- internal ---

// Nobody would ever report on what a client took that is gone by now.
async function putBack(store: LightningStore, claimed: readonly AttemptedRollout[]): Promise<void> {
  for (const { rolloutId } of claimed)
    try {
      await store.updateRollout(rolloutId, { status: "requeuing" });
    } catch (error) {
      if (!(error instanceof LightningError) || error.code !== "E_STATE") throw error;
      // It moved on by itself: somebody cancelled it, or its time was up.
    }
}

// 0.3 ignores ids it does not know.
async function knownIds(
  store: LightningStore,
  rolloutIds: readonly string[],
  isStrict: boolean,
): Promise<readonly string[]> {
  if (isStrict) return rolloutIds;
  try {
    await store.waitForRollouts(rolloutIds, { timeoutMs: 0 });
    return rolloutIds;
  } catch (error) {
    if (!(error instanceof LightningError) || error.code !== "E_NOT_FOUND") throw error;
    const { items } = await store.queryRollouts({ rolloutIdIn: rolloutIds });
    const known = new Set(items.map(({ rolloutId }) => rolloutId));
    return rolloutIds.filter((id) => known.has(id));
  }
}

function withoutAttempt(rollout: Rollout | AttemptedRollout): Rollout {
  if (!("attempt" in rollout)) return rollout;
  const { attempt: _attempt, ...bare } = rollout;
  return bare;
}
