// A batch whose rollouts wait in the store's queue for runners: other processes, of this package or another, on this machine or another. What they
// bring back is trained on as what an agent of this process brings back is.
import { LightningError } from "../../base/error.js";
import { warn } from "../../base/warning.js";
import { watchLostAttempts } from "../../runner/lost-attempts.js";
import { isRefused } from "../../runner/patience.js";
import { isEnded } from "../../store/life-cycle.js";
import type { LightningStore } from "../../store/store.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import {
  type BatchContext,
  type BatchRequest,
  createHandler,
  type FinishedRollout,
  type RunningBatch,
} from "../rollouts/batch-rollout.js";
import { type BatchOptions, type BatchReport, toRunningBatch } from "../rollouts/run-batch.js";
import { checkJsonTask } from "./json-task.js";
import { addPolicyAddress, type PolicyAddress } from "./model-resource.js";
import { createQueueWatch } from "./queue-watch.js";
import { createQueuedAttempt } from "./queued-attempt.js";
import { kMaxAttempts, toFinished, toNewRollout } from "./queued-rollout.js";
import type { QueuedRollouts } from "./queued-rollouts.js";

/** What a batch needs besides a policy to be run elsewhere. */
export interface Queue {
  /** Whose calls those are that come by the address. */
  readonly rollouts: QueuedRollouts;
  readonly address: PolicyAddress;
}

/** Rejects as runBatch does, and with E_ARGUMENT for tasks that do not survive JSON, before any is queued. */
export async function runQueuedBatch(
  context: BatchContext,
  requests: readonly BatchRequest[],
  options: BatchOptions,
  { rollouts, address }: Queue,
): Promise<BatchReport> {
  const { store } = context;
  for (const { input, place } of requests)
    if (place.sample === 0) checkJsonTask("trainer", input, place.task);
  const { running, broken, samplingSeconds } = toRunningBatch(context, options);
  running.signal.throwIfAborted();
  const resourcesId = await addPolicyAddress(store, address);
  const queued = await store.enqueue(requests.map((request) => toNewRollout(context, request, resourcesId)));
  const waiting = new Map(queued.map(({ rolloutId }, index) => [rolloutId, index]));
  const unwatch = watchLost(store, broken);
  try {
    for (const [rolloutId, index] of waiting)
      admit(running, rollouts, rolloutId, requests[index] as BatchRequest);
    const finished: FinishedRollout[] = [];
    await follow(running, waiting, async (rollout, cut) => {
      const index = waiting.get(rollout.rolloutId) as number;
      waiting.delete(rollout.rolloutId);
      const latestId = "attempt" in rollout ? rollout.attempt.attemptId : undefined;
      const attempt = rollouts.end(rollout.rolloutId, latestId);
      const request = requests[index] as BatchRequest;
      const done = await toFinished(running.context, request, rollout, attempt, cut);
      finished[index] = done;
      options.onRollout(done);
    });
    running.signal.throwIfAborted();
    return { rollouts: finished, samplingSeconds: samplingSeconds() };
  } finally {
    unwatch();
    for (const { rolloutId } of queued) rollouts.remove(rolloutId);
    await cancelAll(store, waiting.keys());
  }
}

// --- internal ---

/** Between two looks at what has ended; the end of all is told at once. */
const kLookMs = 500;
const kLostAfterMs = 60_000;

function admit(
  running: RunningBatch,
  rollouts: QueuedRollouts,
  rolloutId: string,
  { place }: BatchRequest,
): void {
  const { store, redact } = running.context;
  rollouts.add(rolloutId, (attemptId) =>
    createQueuedAttempt({
      ...{ rolloutId, attemptId, mode: place.mode, store, redact },
      handle: createHandler(running, place),
    }),
  );
}

type OnEnded = (rollout: Rollout | AttemptedRollout, cut?: string) => Promise<void>;

/** Until all have ended or nothing goes on any more. */
async function follow(
  running: RunningBatch,
  waiting: ReadonlyMap<string, number>,
  onEnded: OnEnded,
): Promise<void> {
  const { signal, context } = running;
  const { store, settings } = context;
  const stallMs = settings.timeoutMs === null ? null : settings.timeoutMs * kMaxAttempts;
  const { claimTimeoutMs } = settings;
  const watch = createQueueWatch({
    stallMs,
    claimTimeoutMs,
    onUnclaimed: (n) => tellUnclaimed(n, claimTimeoutMs),
  });
  while (waiting.size > 0) {
    const ids = [...waiting.keys()];
    const timeoutMs = Math.min(kLookMs, claimTimeoutMs, stallMs ?? kLookMs);
    await store.waitForRollouts(ids, { timeoutMs, signal });
    const { items } = await store.queryRollouts({ rolloutIdIn: ids });
    for (const rollout of items) if (isEnded(rollout.status)) await onEnded(rollout);
    signal.throwIfAborted();
    const open = items.filter(({ status }) => !isEnded(status));
    if (!watch.look(open)) continue;
    const cut = `no runner has taken or ended any rollout of the batch for ${stallMs} ms: timeoutMs for each of ${kMaxAttempts} attempts`;
    await cancelAll(
      store,
      open.map(({ rolloutId }) => rolloutId),
    );
    for (const rollout of open) await onEnded(rollout, cut);
  }
}

function tellUnclaimed(count: number, afterMs: number): void {
  warn(
    "AGL_RUNNERS",
    `trainer: no runner has taken any of the ${count} rollouts in the queue for ${afterMs / 1000} s; start one, as in npx agl runner --store URL --agent ./agent.js`,
  );
}

/** Rollouts whose runner gives no sign of life are tried again, also when no other runner looks. */
function watchLost(store: LightningStore, broken: AbortController): () => void {
  return watchLostAttempts({
    ...{ store, lostAfterMs: kLostAfterMs },
    onLost: () => undefined,
    onError: (error) => broken.abort(error),
  });
}

async function cancelAll(store: LightningStore, rolloutIds: Iterable<string>): Promise<void> {
  for (const rolloutId of rolloutIds) {
    try {
      await store.cancel(rolloutId);
    } catch (error) {
      // It has just ended, or somebody has deleted it; a store that is closed has nothing more to be told.
      const isClosed = error instanceof LightningError && error.code === "E_CLOSED";
      if (!isRefused(error) && !isClosed) throw error;
    }
  }
}
