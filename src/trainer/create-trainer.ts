// The loop, closed: tasks to rollouts to groups to an update of the policy. All of it in this process.

import type { RunPlace } from "../algorithms/algorithm.js";
import { LightningError } from "../base/error.js";
import { warn } from "../base/warning.js";
import { openJournal } from "../llm/journal.js";
import { createTemplateNotes } from "../server/endpoint/template-notes.js";
import { createMemoryStore } from "../store/memory-store.js";
import { createBatchRunner } from "./batch-runner.js";
import { evaluate } from "./evaluate.js";
import { checkEvaluateOptions, checkFitOptions, checkRunOptions } from "./option-names.js";
import { toSettings } from "./options.js";
import { createQueuedRollouts } from "./queue/queued-rollouts.js";
import { describeRollout } from "./reports/describe-rollout.js";
import { createPace } from "./reports/pace.js";
import { createProgress, silent } from "./reports/progress.js";
import { createRunHealth } from "./reports/run-health.js";
import { createRewardGiver } from "./rewards/give-rewards.js";
import { createRoller } from "./roller.js";
import { createKeptRollouts } from "./rollouts/kept-rollouts.js";
import { trainingSampling } from "./rollouts/sampling.js";
import { createRunCheckpoint } from "./run/checkpoint.js";
import { type Batches, runFit } from "./run/fit.js";
import { createMetricsFile } from "./run/metrics-file.js";
import { createRunRecord } from "./run/run-record.js";
import { takeStep } from "./take-step.js";
import type { DevReport, FitOptions, FitReport, Trainer, TrainerOptions } from "./trainer.js";
import { createTrainerEvents } from "./trainer-events.js";
import type { TrainerParts } from "./trainer-parts.js";
import { openTrainerSocket, type TrainerSocket } from "./trainer-socket.js";

/** @throws E_ARGUMENT, E_STATE when the algorithm cannot train what the policy was loaded for */
export function createTrainer<Task>(options: TrainerOptions<Task>): Trainer<Task> {
  const { parts, socket, closeStore } = createParts(options);
  const { record, roller, events, progress } = parts;
  const closing = new AbortController();
  const alone = createAlone(record.resume, closing.signal);
  const within = (signal: AbortSignal | undefined) =>
    signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
  const close = async () => {
    if (closing.signal.aborted) return;
    closing.abort(new LightningError("E_CLOSED", "the trainer was closed"));
    await roller.close();
    await socket?.close();
    progress.close();
    await closeStore();
  };
  return {
    events,
    get steps() {
      return record.steps;
    },
    resume: () => alone("resume", async () => record.steps),
    step: (tasks, options = {}) =>
      alone("step", () => {
        const { signal } = checkRunOptions("trainer.step", options);
        return takeStep(parts, { tasks, signal: within(signal) });
      }),
    evaluate: (tasks, options = {}) =>
      alone("evaluate", () => {
        const checked = checkEvaluateOptions("trainer.evaluate", options);
        return evaluate(parts, { ...checked, tasks, signal: within(checked.signal) });
      }),
    fit: (batches, options = {}) =>
      alone("fit", () => {
        const checked = checkFitOptions("trainer.fit", options);
        return fitOver(parts, batches, checked, within(checked.signal));
      }),
    dev: (task, options = {}) =>
      alone("dev", () => {
        const { signal } = checkRunOptions("trainer.dev", options);
        return runOnce(parts, task, within(signal));
      }),
    listening: async () => {
      if (socket !== undefined) return socket.listening;
      const remedy = "give createTrainer listen: { port: 0 }";
      throw new LightningError("E_STATE", `trainer.listening: expected a trainer that listens; ${remedy}`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

// --- internal ---

function createParts<Task>(options: TrainerOptions<Task>): {
  readonly parts: TrainerParts;
  readonly socket: TrainerSocket | undefined;
  /** Does nothing to a store that was passed in. */
  readonly closeStore: () => Promise<void>;
} {
  const settings = toSettings(options);
  const { policy, agent, redact } = options;
  const own = options.store === undefined ? createMemoryStore() : undefined;
  const store = options.store ?? own ?? createMemoryStore();
  const queued = settings.runners === "queue" ? createQueuedRollouts(store) : undefined;
  const events = createTrainerEvents();
  const progress = options.progress ? createProgress() : silent;
  const checkpoint = createRunCheckpoint(options.checkpointFile, policy, settings);
  const record = createRunRecord({
    ...{ store, checkpoint, checkpointEvery: settings.checkpointEvery, say: progress.line },
    file: options.metricsFile === undefined ? undefined : createMetricsFile(options.metricsFile),
  });
  // Beside the checkpoint: what a resumed run is told again.
  const { checkpointFile } = options;
  const journalFile = checkpointFile === undefined ? undefined : `${checkpointFile}.journal.jsonl`;
  const journal = openJournal("createTrainer", journalFile);
  // After all that may be refused: nobody could close it then.
  const socket = options.listen && openTrainerSocket(options.listen, store, queued?.find);
  const roller = createRoller({
    ...createBatchRunner({
      ...{ policy, agent, store, settings, redact, checkpoint, queued, socket },
      notes: createTemplateNotes(),
    }),
    ready: async () => socket?.listening,
    ...{ events, progress, kept: own && createKeptRollouts(own, { step: 2 }) },
  });
  return {
    parts: {
      ...{ policy, settings, record, roller, events, progress },
      rewards: createRewardGiver(settings, journal),
      ...{ health: createRunHealth(), pace: createPace() },
    },
    socket,
    closeStore: async () => own?.close(),
  };
}

type Alone = <T>(what: string, run: () => Promise<T>) => Promise<T>;

/** One thing at a time: two steps at once would train on each other's versions. */
function createAlone(resume: () => Promise<void>, closing: AbortSignal): Alone {
  let busy: string | undefined;
  return async (what, run) => {
    if (closing.aborted) throw new LightningError("E_CLOSED", `trainer.${what}: the trainer was closed`);
    if (busy !== undefined) {
      throw new LightningError(
        "E_STATE",
        `trainer.${what}: expected no other call, ${busy} is running; await it first`,
      );
    }
    busy = what;
    try {
      await resume();
      return await run();
    } finally {
      busy = undefined;
    }
  };
}

function fitOver<Task>(
  parts: TrainerParts,
  batches: Batches<Task>,
  options: FitOptions<Task>,
  signal: AbortSignal,
): Promise<FitReport> {
  const { record, progress } = parts;
  const loop = {
    steps: () => record.steps,
    step: (tasks: readonly Task[], run: RunPlace | undefined) => takeStep(parts, { tasks, signal, run }),
    evaluate: (tasks: readonly Task[]) => evaluate(parts, { tasks, signal }),
    signal,
    say: progress.line,
    warn: (message: string) => warn("AGL_RUN", message),
  };
  return record.fits.during((place) => runFit({ ...loop, place }, batches, options));
}

async function runOnce(parts: TrainerParts, task: unknown, signal: AbortSignal): Promise<DevReport> {
  const { rollouts: ended } = await parts.roller.roll({
    ...{
      what: "dev",
      title: "dev",
      mode: "val",
      tasks: [task],
      step: parts.record.steps,
      samples: 1,
      signal,
    },
    sampling: trainingSampling(parts.settings),
  });
  const [finished] = await parts.rewards.give({ tasks: [task], rollouts: ended, mode: "val", signal });
  if (finished === undefined) throw new LightningError("E_INTERNAL", "trainer.dev: the rollout was lost");
  return { ...finished, text: describeRollout(finished.result, finished.spans) };
}
