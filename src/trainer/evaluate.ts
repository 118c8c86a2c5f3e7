// One evaluation: the agent on each task, with its own sampling and without learning.
import { checkInteger, checkNumber } from "../base/check.js";
import { performance } from "../base/clock.js";
import { evaluationMetrics, type Metrics } from "../types/metrics.js";
import { describeEvaluation, nameEvaluation } from "./reports/report-lines.js";
import { rolloutMetrics } from "./rollouts/rollout-metrics.js";
import { evaluationSampling } from "./rollouts/sampling.js";
import { checkUsable } from "./rollouts/usable.js";
import type { EvaluateOptions, EvaluationReport } from "./trainer.js";
import type { TrainerParts } from "./trainer-parts.js";

export interface EvaluationRequest extends Omit<EvaluateOptions, "signal"> {
  readonly tasks: readonly unknown[];
  readonly signal: AbortSignal;
}

/** Rejects as Trainer.evaluate does. */
export async function evaluate(parts: TrainerParts, request: EvaluationRequest): Promise<EvaluationReport> {
  const { settings, record, roller, rewards, progress, events } = parts;
  const { tasks, signal, temperature, prefix = "eval/" } = request;
  const samples = checkInteger(kWho, "samples", request.samples ?? 1, { min: 1 });
  if (temperature !== undefined) checkNumber(kWho, "temperature", temperature, { min: 0 });
  const { steps: step } = record;
  const started = performance.now();
  const { rollouts: ended } = await roller.roll({
    ...{ what: "evaluate", title: nameEvaluation(prefix, step), mode: "val", tasks, step, samples, signal },
    sampling: evaluationSampling(settings, temperature),
  });
  const rollouts = await rewards.give({ tasks, rollouts: ended, mode: "val", signal });
  const results = rollouts.map(({ result }) => result);
  checkUsable(kWho, results);
  const numbers: Metrics = {
    ...rolloutMetrics(rollouts),
    "time/seconds": (performance.now() - started) / 1000,
  };
  const metrics = evaluationMetrics(prefix, numbers);
  const report = { metrics, reward: numbers["reward/mean"] ?? Number.NaN, rollouts: results };
  record.evaluated(metrics);
  progress.line(describeEvaluation(prefix, step, numbers));
  events.emit("evaluation", report);
  return report;
}

// --- internal ---

const kWho = "trainer.evaluate";
