// Batches of rollouts, one at a time, with what goes on around them: progress, events, and what keeps agents within their rollouts.
import type { EventEmitter } from "eventemitter3";
import type { RolloutMode } from "../types/rollout.js";
import type { Progress } from "./reports/progress.js";
import type { BatchRequest } from "./rollouts/batch-rollout.js";
import type { KeptRollouts } from "./rollouts/kept-rollouts.js";
import type { BatchOptions, BatchReport } from "./rollouts/run-batch.js";
import type { ToSampling } from "./rollouts/sampling.js";
import { checkTasks } from "./run/fit.js";
import type { TrainerEvents } from "./trainer.js";

export interface RollRequest {
  /** The call, as in "step". */
  readonly what: string;
  /** What progress calls it. */
  readonly title: string;
  readonly tasks: readonly unknown[];
  /** Training steps before it. */
  readonly step: number;
  readonly mode: RolloutMode;
  /** Rollouts of each task. */
  readonly samples: number;
  readonly sampling: ToSampling;
  readonly signal: AbortSignal;
}

export interface Roller {
  /** Rejects with E_ARGUMENT when there are no tasks, and as runBatch does. */
  roll(request: RollRequest): Promise<BatchReport>;
  /** Keeps `close` waiting for a step: an update that has begun is whole, and so are its files. @returns the step */
  holdOpen<T>(step: Promise<T>): Promise<T>;
  /** Waits for a batch that was aborted: its rollouts still write how they ended, and do not wait for their agents. */
  close(): Promise<void>;
}

export interface RollerParts {
  runBatch(requests: readonly BatchRequest[], options: BatchOptions): Promise<BatchReport>;
  /**
   * Called before the first batch; what it returns ends it. Between batches too: a call that an agent left running must be refused, not reach its
   * provider; one that fails must not end the process.
   */
  watch(): () => void;
  readonly events: EventEmitter<TrainerEvents>;
  readonly progress: Progress;
  /** Absent where the store is the caller's. */
  readonly kept: KeptRollouts | undefined;
  /** Resolves when agents in other processes can reach their rollouts. */
  readonly ready: () => Promise<unknown>;
}

export function createRoller({ runBatch, watch, events, progress, kept, ready }: RollerParts): Roller {
  let latest: Promise<unknown> | undefined;
  let latestStep: Promise<unknown> | undefined;
  let unwatch: (() => void) | undefined;
  return {
    async roll({ what, title, tasks, step, mode, samples, sampling, signal }) {
      checkTasks(`trainer.${what}`, "tasks", tasks);
      const requests: BatchRequest[] = tasks.flatMap((input, task) =>
        Array.from({ length: samples }, (_, sample) => ({ input, place: { mode, step, task, sample } })),
      );
      await ready();
      // Closed meanwhile: nobody would end the watch.
      signal.throwIfAborted();
      unwatch ??= watch();
      let done = 0;
      let excluded = 0;
      const running = runBatch(requests, {
        ...{ sampling, signal },
        onRollout: ({ result }) => {
          done += 1;
          if (result.reward === null && result.outcome !== "ok") excluded += 1;
          const unused = excluded === 0 ? "" : `, ${excluded} excluded`;
          progress.update(`${title}: ${done} of ${requests.length} rollouts${unused}`);
          events.emit("rollout", result);
        },
      }).finally(() => kept?.settle(what));
      latest = running;
      return await running;
    },
    holdOpen(step) {
      latestStep = step;
      return step;
    },
    async close() {
      await Promise.allSettled([latest, latestStep]);
      unwatch?.();
    },
  };
}
