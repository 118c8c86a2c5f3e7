// One training step: rollouts of each task, then the algorithm.
import { toMessages } from "../adapter/messages.js";
import type { RunPlace } from "../algorithms/algorithm.js";
import { performance } from "../base/clock.js";
import { warn } from "../base/warning.js";
import type { ChatMessage } from "../types/chat.js";
import type { Metrics } from "../types/metrics.js";
import type { RolloutResult, TaskGroup } from "../types/task-group.js";
import { describeStep, nameStep } from "./reports/report-lines.js";
import type { FinishedRollout } from "./rollouts/batch-rollout.js";
import { sampledTokens } from "./rollouts/call-metrics.js";
import { entropyMetrics, rolloutMetrics } from "./rollouts/rollout-metrics.js";
import { trainingSampling } from "./rollouts/sampling.js";
import { checkUsable } from "./rollouts/usable.js";
import type { StepReport } from "./trainer.js";
import type { TrainerParts } from "./trainer-parts.js";
import { inTurn } from "./turn.js";

export interface StepRequest {
  readonly tasks: readonly unknown[];
  readonly signal: AbortSignal;
  /** The step's place in a run of known length. */
  readonly run?: RunPlace | undefined;
}

/** Rejects as Trainer.step does. */
export function takeStep(parts: TrainerParts, request: StepRequest): Promise<StepReport> {
  const step = inTurn(parts.policy, parts.settings.adapter, () => takeStepNow(parts, request));
  return parts.roller.holdOpen(step);
}

// --- internal ---

async function takeStepNow(parts: TrainerParts, { tasks, signal, run }: StepRequest): Promise<StepReport> {
  const { policy, settings, record, roller, rewards, progress, events, health, pace } = parts;
  const { algorithm, adapter, klEvery } = settings;
  const { steps: step } = record;
  const started = performance.now();
  const begun = { policy, adapter, step, ...(run === undefined ? {} : { run }) };
  algorithm.check?.(begun);
  const title = nameStep(step, run);
  pace.begin(run);
  const { rollouts: ended, samplingSeconds } = await roller.roll({
    ...{ what: "step", title, mode: "train", tasks, step, samples: algorithm.groupSize, signal },
    sampling: trainingSampling(settings),
  });
  const rolled = performance.now();
  if (rewards.isDue("train")) progress.update(`${title}: rewarding`);
  const rollouts = await rewards.give({ tasks, rollouts: ended, mode: "train", signal });
  const rewarded = performance.now();
  const results = rollouts.map(({ result }) => result);
  checkUsable(`trainer.step ${step}`, results);
  progress.update(`${title}: updating`);
  const groups = toGroups(tasks, rollouts);
  const update = await algorithm.update({
    ...{ ...begun, groups, measure: klEvery !== null && step % klEvery === 0 },
  });
  const updated = performance.now();
  const own: Metrics = {
    step,
    ...rolloutMetrics(rollouts),
    ...entropyMetrics(results),
    "time/sampling": samplingSeconds,
    "time/agent": Math.max(0, (rolled - started) / 1000 - samplingSeconds),
    ...(rewards.isDue("train") ? { "time/rewards": (rewarded - rolled) / 1000 } : {}),
    "time/training": (updated - rewarded) / 1000,
    "time/step": (updated - started) / 1000,
    ...rateMetrics(results, update.metrics, {
      samplingSeconds,
      trainingSeconds: (updated - rewarded) / 1000,
    }),
  };
  const metrics = await record.stepped({ ...own, ...update.metrics });
  const report: StepReport = { step, metrics, rollouts: results };
  progress.line(describeStep(metrics, run, pace.secondsLeft()));
  const unwell = health.observe(metrics);
  if (unwell !== null) warn("AGL_LEARNING", unwell);
  events.emit("step", report);
  return report;
}

/** Absent of a phase that took no time. */
function rateMetrics(
  results: readonly RolloutResult[],
  updated: Metrics,
  {
    samplingSeconds,
    trainingSeconds,
  }: { readonly samplingSeconds: number; readonly trainingSeconds: number },
): Metrics {
  const sampled = sampledTokens(results);
  const trained = updated["update/tokens"] ?? 0;
  return {
    ...(samplingSeconds > 0 ? { "time/sampled_rate": sampled / samplingSeconds } : {}),
    ...(trainingSeconds > 0 ? { "time/trained_rate": trained / trainingSeconds } : {}),
  };
}

function toGroups(tasks: readonly unknown[], finished: readonly FinishedRollout[]): TaskGroup[] {
  return tasks.map((input, task) => {
    const own = finished.filter(({ result }) => result.task === task && result.reward !== null);
    const spans = new Map(own.flatMap((rollout) => rollout.spans.map((span) => [span.spanId, span])));
    const read = new Map<string, readonly ChatMessage[]>();
    const messagesOf = (spanId: string) => {
      const known = read.get(spanId);
      if (known !== undefined) return known;
      const span = spans.get(spanId);
      const [conversation] = span === undefined ? [] : toMessages([span]);
      const messages = conversation?.messages.slice(0, -1) ?? [];
      read.set(spanId, messages);
      return messages;
    };
    return { task, input, rollouts: own.map(({ result }) => result), messagesOf };
  });
}
