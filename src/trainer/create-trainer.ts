// The loop, closed: tasks to rollouts to groups to an update of the policy. All of it in this process.
import type { RunPlace } from "../algorithms/algorithm.js";
import { checkInteger, checkNumber, checkSignal } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { warn } from "../base/warning.js";
import { createOwnTask } from "../runner/own-task.js";
import type { Sampling } from "../server/answer-call.js";
import { createMemoryStore } from "../store/memory-store.js";
import { installInterception } from "../tracing/interception.js";
import { watchStrays } from "../tracing/strays.js";
import type { CallRequest } from "../types/call-request.js";
import { evaluationMetrics, type Metrics } from "../types/metrics.js";
import type { RolloutMode } from "../types/rollout.js";
import { cancelLeftovers, createRunCheckpoint } from "./checkpoint.js";
import { describeRollout } from "./describe-rollout.js";
import { type Batches, checkTasks, runFit } from "./fit.js";
import { createFitPlaces } from "./fit-places.js";
import { createKeptRollouts } from "./kept-rollouts.js";
import { createMetricsFile } from "./metrics-file.js";
import { checkEvaluateOptions, checkFitOptions, checkRunOptions } from "./option-names.js";
import { toSettings } from "./options.js";
import { createProgress, silent } from "./progress.js";
import { describeEvaluation, describeStep } from "./report-lines.js";
import { entropyMetrics, rolloutMetrics } from "./rollout-metrics.js";
import { type BatchReport, type BatchRequest, runBatch } from "./run-batch.js";
import { createRunHealth } from "./run-health.js";
import type {
  EvaluateOptions,
  EvaluationReport,
  FitOptions,
  FitReport,
  StepReport,
  Trainer,
  TrainerOptions,
} from "./trainer.js";
import { createTrainerEvents } from "./trainer-events.js";
import { inTurn } from "./turn.js";
import { checkUsable } from "./usable.js";

/** @throws E_ARGUMENT, E_STATE when the algorithm cannot train what the policy was loaded for */
export function createTrainer<Task>(options: TrainerOptions<Task>): Trainer<Task> {
  const settings = toSettings(options);
  const { policy } = options;
  const own = options.store === undefined ? createMemoryStore() : undefined;
  const store = options.store ?? own ?? createMemoryStore();
  const kept = own && createKeptRollouts(own, { step: 2 });
  const events = createTrainerEvents();
  const health = createRunHealth();
  const progress = options.progress ? createProgress() : silent;
  const file = options.metricsFile === undefined ? undefined : createMetricsFile(options.metricsFile);
  const closing = new AbortController();
  const checkpoint = createRunCheckpoint(options.checkpointFile, policy, settings);
  const context = {
    ...{ policy, agent: options.agent, store, settings, redact: options.redact, checkpoint },
    ...{ warnedFields: new Set<string>(), toOwnTask: createOwnTask("createTrainer") },
  };
  let steps = 0;
  const fits = createFitPlaces();
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

  const stateNow = () => ({ steps, fits: fits.counts, lastEvaluation });

  async function resumeNow(): Promise<void> {
    if (isResumed) return;
    await file?.prepare();
    const state = await checkpoint.load();
    if (state === null) {
      await checkpoint.save(stateNow());
    } else {
      ({ steps, lastEvaluation } = state);
      fits.restore(state.fits);
      await file?.rewind(steps);
      await cancelLeftovers(store, checkpoint.run);
      progress.line(`run ${checkpoint.run} goes on at step ${steps}, from ${options.checkpointFile}`);
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
    checkTasks(`trainer.${what}`, "tasks", tasks);
    const requests: BatchRequest[] = tasks.flatMap((input, task) =>
      Array.from({ length: samples }, (_, sample) => ({ input, place: { mode, step: steps, task, sample } })),
    );
    watches ??= [installInterception(), watchStrays()];
    let done = 0;
    let excluded = 0;
    const running = runBatch(context, requests, {
      sampling,
      signal: withClosing(signal),
      onRollout: ({ result }) => {
        done += 1;
        if (result.reward === null) excluded += 1;
        const unused = excluded === 0 ? "" : `, ${excluded} excluded`;
        progress.update(`${what} ${steps}: ${done} of ${requests.length} rollouts${unused}`);
        events.emit("rollout", result);
      },
    }).finally(() => kept?.settle(what));
    rolling = running;
    return await running;
  }

  /** The trainer's, whatever the agent asks for, but for an answer that it wants shorter. */
  const trainingSampling = ({ sampling: asked }: CallRequest): Sampling => ({
    temperature: settings.temperature,
    topP: 1,
    topK: 0,
    minP: 0,
    maxTokens: Math.min(settings.maxTokens, asked.maxTokens ?? settings.maxTokens),
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
    checkUsable("trainer.evaluate", rollouts);
    const numbers: Metrics = {
      ...rolloutMetrics(report.rollouts),
      "time/seconds": (performance.now() - started) / 1000,
    };
    const metrics = evaluationMetrics(evaluation.prefix ?? "eval/", numbers);
    const evaluated = { metrics, reward: numbers["reward/mean"] ?? Number.NaN, rollouts };
    lastEvaluation = { ...lastEvaluation, ...metrics };
    progress.line(describeEvaluation(steps, numbers));
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
    checkUsable(`trainer.step ${steps}`, rollouts);
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
    fits.step();
    lastEvaluation = {};
    await file?.write(metrics);
    if (steps % settings.checkpointEvery === 0) await checkpoint.save(stateNow());
    progress.line(describeStep(metrics));
    const unwell = health.observe(metrics);
    if (unwell !== null) warn("AGL_LEARNING", unwell);
    events.emit("step", stepReport);
    return stepReport;
  }

  const fitNow = (batches: Batches<Task>, fit: FitOptions<Task>): Promise<FitReport> => {
    const named = fit.signal === undefined ? {} : { signal: fit.signal };
    const loop = {
      steps: () => steps,
      step: (tasks: readonly Task[], run: RunPlace | undefined) => stepNow(tasks, fit.signal, run),
      evaluate: (tasks: readonly Task[]) => evaluateNow(tasks, named),
      signal: withClosing(fit.signal),
      say: progress.line,
      warn: (message: string) => warn("AGL_RUN", message),
    };
    return fits.during((place) => runFit({ ...loop, place }, batches, fit));
  };

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
