// The loop, closed: tasks to rollouts to groups to an update of the policy. All of it in this process.
import { EventEmitter } from "eventemitter3";
import type { RunPlace } from "../algorithms/algorithm.js";
import { describeRate } from "../algorithms/learning-rate.js";
import { argumentError, checkInteger, checkNumber, checkSignal } from "../base/check.js";
import { LightningError } from "../base/error.js";
import type { Sampling } from "../server/answer-call.js";
import { createMemoryStore } from "../store/memory-store.js";
import { installInterception } from "../tracing/interception.js";
import { watchStrays } from "../tracing/strays.js";
import type { CallRequest } from "../types/call-request.js";
import { evaluationMetrics, type Metrics } from "../types/metrics.js";
import type { RolloutMode } from "../types/rollout.js";
import type { RolloutResult } from "../types/task-group.js";
import { batchCount } from "./batch-count.js";
import { cancelLeftovers, createRunCheckpoint } from "./checkpoint.js";
import { describeRollout } from "./describe-rollout.js";
import { createMetricsFile } from "./metrics-file.js";
import { checkEvaluateOptions, checkFitOptions, checkRunOptions } from "./option-names.js";
import { toSettings } from "./options.js";
import { createProgress, silent } from "./progress.js";
import { entropyMetrics, meanReward, rolloutMetrics } from "./rollout-metrics.js";
import { type BatchReport, type BatchRequest, runBatch } from "./run-batch.js";
import type {
  EvaluateOptions,
  EvaluationReport,
  FitOptions,
  FitReport,
  StepReport,
  Trainer,
  TrainerEvents,
  TrainerOptions,
} from "./trainer.js";
import { inTurn } from "./turn.js";
import { untilAborted } from "./until-aborted.js";

/** @throws E_ARGUMENT, E_STATE when the algorithm cannot train what the policy was loaded for */
export function createTrainer<Task>(options: TrainerOptions<Task>): Trainer<Task> {
  const settings = toSettings(options);
  const { policy } = options;
  const store = options.store ?? createMemoryStore();
  const events = new EventEmitter<TrainerEvents>();
  const progress = options.progress ? createProgress() : silent;
  const file = options.metricsFile === undefined ? undefined : createMetricsFile(options.metricsFile);
  const closing = new AbortController();
  const checkpoint = createRunCheckpoint(options.checkpointFile, policy, settings);
  const context = {
    ...{ policy, agent: options.agent, store, settings, redact: options.redact, checkpoint },
    warnedFields: new Set<string>(),
  };
  let steps = 0;
  /** Batches that a run before this one took. */
  let taken = 0;
  let isResumed = false;
  let busy: string | undefined;
  /** The latest batch of rollouts. */
  let rolling: Promise<unknown> | undefined;
  /** Between batches too: a call that an agent left running must be refused, not reach its provider; one that fails must not end the process. */
  let watches: readonly (() => void)[] | undefined;
  let lastEvaluation: Readonly<Record<string, number>> = {};

  /** One thing at a time: two steps at once would train on each other's versions. */
  async function alone<T>(what: string, run: () => Promise<T>): Promise<T> {
    if (closing.signal.aborted)
      throw new LightningError("E_CLOSED", `trainer.${what}: the trainer was closed`);
    if (busy !== undefined) {
      throw new LightningError(
        "E_STATE",
        `trainer.${what}: expected no other call, ${busy} is running; await it first`,
      );
    }
    busy = what;
    try {
      await resumeNow();
      return await run();
    } finally {
      busy = undefined;
    }
  }

  async function resumeNow(): Promise<void> {
    if (isResumed) return;
    await file?.prepare();
    const state = await checkpoint.load();
    if (state === null) {
      await checkpoint.save({ steps, lastEvaluation });
    } else {
      ({ steps, lastEvaluation } = state);
      taken = steps;
      await file?.rewind(steps);
      await cancelLeftovers(store, checkpoint.run);
    }
    isResumed = true;
  }

  function withClosing(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return closing.signal;
    checkSignal(`trainer.${busy}`, signal);
    return AbortSignal.any([signal, closing.signal]);
  }

  async function batch(
    what: string,
    tasks: readonly Task[],
    mode: RolloutMode,
    samples: number,
    signal: AbortSignal | undefined,
    sampling: (request: CallRequest) => Sampling,
  ): Promise<BatchReport> {
    if (!Array.isArray(tasks) || tasks.length === 0)
      throw argumentError(`trainer.${what}`, "a list of at least one task", tasks, `as in ${what}([task])`);
    const requests: BatchRequest[] = tasks.flatMap((input, task) =>
      Array.from({ length: samples }, (_, sample) => ({ input, place: { mode, step: steps, task, sample } })),
    );
    watches ??= [installInterception(), watchStrays()];
    let done = 0;
    const running = runBatch(context, requests, {
      sampling,
      signal: withClosing(signal),
      onRollout: ({ result }) => {
        done += 1;
        progress.update(`${what} ${steps}: ${done} of ${requests.length} rollouts`);
        events.emit("rollout", result);
      },
    });
    rolling = running;
    return await running;
  }

  const trainingSampling = (): Sampling => ({
    temperature: settings.temperature,
    topP: 1,
    topK: 0,
    minP: 0,
    maxTokens: settings.maxTokens,
  });

  async function evaluateNow(tasks: readonly Task[], evaluation: EvaluateOptions): Promise<EvaluationReport> {
    const samples = checkInteger("trainer.evaluate", "samples", evaluation.samples ?? 1, { min: 1 });
    if (evaluation.temperature !== undefined)
      checkNumber("trainer.evaluate", "temperature", evaluation.temperature, { min: 0 });
    const started = performance.now();
    const report = await batch(
      "evaluate",
      tasks,
      "val",
      samples,
      evaluation.signal,
      ({ sampling: asked }) => ({
        temperature: evaluation.temperature ?? asked.temperature ?? 1,
        topP: asked.topP ?? 1,
        topK: asked.topK ?? 0,
        minP: asked.minP ?? 0,
        maxTokens: asked.maxTokens ?? settings.validationMaxTokens,
      }),
    );
    const rollouts = report.rollouts.map(({ result }) => result);
    const metrics = evaluationMetrics(evaluation.prefix ?? "eval/", {
      ...rolloutMetrics(report.rollouts),
      "time/seconds": (performance.now() - started) / 1000,
    });
    const evaluated = { metrics, reward: meanReward(rollouts) ?? 0, rollouts };
    lastEvaluation = { ...lastEvaluation, ...metrics };
    progress.line(`evaluation after ${steps} steps: reward ${evaluated.reward.toFixed(3)}`);
    events.emit("evaluation", evaluated);
    return evaluated;
  }

  /** @param run  the step's place in a run of known length */
  const stepNow = (
    tasks: readonly Task[],
    signal: AbortSignal | undefined,
    run?: RunPlace,
  ): Promise<StepReport> => inTurn(policy, settings.adapter, () => takeStep(tasks, signal, run));

  async function takeStep(
    tasks: readonly Task[],
    signal: AbortSignal | undefined,
    run: RunPlace | undefined,
  ): Promise<StepReport> {
    const started = performance.now();
    const { algorithm, adapter } = settings;
    const begun = { policy, adapter, step: steps, ...(run === undefined ? {} : { run }) };
    algorithm.check?.(begun);
    const report = await batch("step", tasks, "train", algorithm.groupSize, signal, trainingSampling);
    const rolled = performance.now();
    const rollouts = report.rollouts.map(({ result }) => result);
    const groups = tasks.map((_, task) => ({
      task,
      rollouts: rollouts.filter((r) => r.task === task && r.reward !== null),
    }));
    progress.update(`step ${steps}: updating`);
    const update = await algorithm.update({
      ...begun,
      groups,
      measure: settings.klEvery !== null && steps % settings.klEvery === 0,
    });
    const ended = performance.now();
    const rolloutSeconds = (rolled - started) / 1000;
    const own: Metrics = {
      step: steps,
      ...rolloutMetrics(report.rollouts),
      ...entropyMetrics(rollouts),
      "time/sampling": report.samplingSeconds,
      "time/agent": Math.max(0, rolloutSeconds - report.samplingSeconds),
      "time/training": (ended - rolled) / 1000,
      "time/step": (ended - started) / 1000,
    };
    const metrics = { ...own, ...update.metrics, ...lastEvaluation };
    const stepReport: StepReport = { step: steps, metrics, rollouts };
    steps += 1;
    lastEvaluation = {};
    await file?.write(metrics);
    if (steps % settings.checkpointEvery === 0) await checkpoint.save({ steps, lastEvaluation });
    progress.line(describeStep(stepReport));
    events.emit("step", stepReport);
    return stepReport;
  }

  async function fitNow(
    batches: Iterable<readonly Task[]> | AsyncIterable<readonly Task[]>,
    fit: FitOptions<Task>,
  ): Promise<FitReport> {
    const every = checkInteger("trainer.fit", "every", fit.every ?? 10, { min: 1 });
    if (typeof batches !== "object" || batches === null)
      throw argumentError("trainer.fit", "batches of tasks, a list or anything to iterate over", batches);
    const reports: StepReport[] = [];
    const evaluations: EvaluationReport[] = [];
    const named = fit.signal === undefined ? {} : { signal: fit.signal };
    const evaluateIf = async (isDue: boolean) => {
      if (isDue && fit.validation !== undefined) evaluations.push(await evaluateNow(fit.validation, named));
    };
    let toSkip = taken;
    taken = 0;
    const begun = steps - toSkip;
    const length = batchCount(batches);
    await evaluateIf(toSkip === 0 || toSkip % every === 0);
    for await (const tasks of untilAborted(batches, withClosing(fit.signal))) {
      if (toSkip > 0) {
        toSkip -= 1;
        continue;
      }
      const run = length === undefined ? undefined : { step: steps - begun, steps: length };
      const report = await stepNow(tasks, fit.signal, run);
      reports.push(report);
      await evaluateIf(steps % every === 0);
      if (await fit.stop?.(report)) break;
    }
    return { steps: reports, evaluations };
  }

  const close = async () => {
    if (closing.signal.aborted) return;
    closing.abort(new LightningError("E_CLOSED", "the trainer was closed"));
    // Aborted rollouts still write how they ended; they do not wait for their agents.
    await Promise.allSettled([rolling]);
    for (const stop of watches ?? []) stop();
    progress.close();
    if (options.store === undefined) await store.close();
  };
  return {
    events,
    get steps() {
      return steps;
    },
    resume: () => alone("resume", async () => steps),
    step: (tasks, options = {}) =>
      alone("step", () => stepNow(tasks, checkRunOptions("trainer.step", options).signal)),
    evaluate: (tasks, options = {}) =>
      alone("evaluate", () => evaluateNow(tasks, checkEvaluateOptions("trainer.evaluate", options))),
    fit: (batches, options = {}) =>
      alone("fit", () => fitNow(batches, checkFitOptions("trainer.fit", options))),
    dev: (task, options = {}) =>
      alone("dev", async () => {
        const { signal } = checkRunOptions("trainer.dev", options);
        const { rollouts } = await batch("dev", [task], "val", 1, signal, trainingSampling);
        const [finished] = rollouts;
        if (finished === undefined)
          throw new LightningError("E_INTERNAL", "trainer.dev: the rollout was lost");
        return { ...finished, text: describeRollout(finished.result, finished.spans) };
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

// --- internal ---

function describeStep({ step, metrics, rollouts }: StepReport): string {
  const value = (name: string, digits: number) => (metrics[name] ?? 0).toFixed(digits);
  const excluded = rollouts.filter((rollout: RolloutResult) => rollout.reward === null).length;
  return [
    `step ${step}: reward ${value("reward/mean", 3)} ± ${value("reward/ci95", 3)}`,
    `dead groups ${value("groups/dead", 2)}`,
    ...describeRate(metrics),
    ...(excluded > 0 ? [`${excluded} rollouts excluded`] : []),
    `${value("time/step", 1)} s (sampling ${value("time/sampling", 1)}, training ${value("time/training", 1)})`,
  ].join(", ");
}
