// Steps over batches, with evaluations between them; of all reports but the last, the numbers alone are kept.
import type { RunPlace } from "../../algorithms/algorithm.js";
import { argumentError, checkInteger } from "../../base/check.js";
import type { EvaluationReport, FitOptions, FitReport, StepReport } from "../trainer.js";
import { batchCount } from "./batch-count.js";
import type { FitPlace } from "./fit-places.js";
import { isIterable, untilAborted } from "./until-aborted.js";

/** What fit does its work with. */
export interface FitLoop<Task> {
  /** Taken so far. */
  steps(): number;
  step(tasks: readonly Task[], run: RunPlace | undefined): Promise<StepReport>;
  evaluate(tasks: readonly Task[]): Promise<EvaluationReport>;
  /** Ends the waiting for batches. */
  readonly signal: AbortSignal;
  /** How far it came in processes before this one. */
  readonly place: FitPlace;
  /** Told what is passed over. */
  say(line: string): void;
  /** Told when there is nothing to do. */
  warn(message: string): void;
}

export type Batches<Task> = Iterable<readonly Task[]> | AsyncIterable<readonly Task[]>;

/** Rejects as Trainer.fit does. */
export async function runFit<Task>(
  loop: FitLoop<Task>,
  batches: Batches<Task>,
  fit: FitOptions<Task>,
): Promise<FitReport> {
  const every = checkInteger(kWho, "every", fit.every ?? 10, { min: 1 });
  checkBatches(batches);
  checkList(batches);
  const steps = createReports<StepReport>();
  const evaluations = createReports<EvaluationReport>();
  const evaluateIf = async (isDue: boolean) => {
    if (isDue && fit.validation !== undefined) evaluations.add(await loop.evaluate(fit.validation));
  };
  const { taken, isLast } = loop.place;
  await evaluateIf(taken === 0);
  let seen = 0;
  for await (const tasks of untilAborted(batches, loop.signal)) {
    checkTasks(kWho, `batch ${seen} of the batches`, tasks);
    seen += 1;
    if (seen < taken) continue;
    if (seen === taken) {
      tellPassedOver(loop, seen);
      await evaluateIf(isLast && loop.steps() % every === 0);
      // A later fit began: here is where this one was stopped.
      if (!isLast && fit.stop !== undefined) break;
      continue;
    }
    // Anew each time: a list may grow.
    const length = batchCount(batches);
    const run = length === undefined ? undefined : { step: seen - 1, steps: length };
    const report = await loop.step(tasks, run);
    steps.add(report);
    await evaluateIf(loop.steps() % every === 0);
    if (await fit.stop?.(report)) break;
  }
  if (seen < taken) tellPassedOver(loop, seen);
  if (seen <= taken && isLast) tellNothingLeft(loop, seen);
  return { steps: steps.all, evaluations: evaluations.all };
}

/** @throws E_ARGUMENT unless it is a list of at least one task */
export function checkTasks(who: string, name: string, tasks: unknown): void {
  if (Array.isArray(tasks)) {
    if (tasks.length > 0) return;
    throw argumentError(who, `${name} to hold at least one task`, tasks);
  }
  throw argumentError(who, `${name} to be a list of tasks`, tasks, "one task is a list, too: [task]");
}

// --- internal ---

const kWho = "trainer.fit";

function checkBatches(batches: unknown): void {
  // The entries of a map are lists, but not of tasks.
  const isMap = batches instanceof Map;
  if (typeof batches === "object" && batches !== null && !isMap && isIterable(batches)) return;
  const expected = "batches, lists of tasks in a list or in anything to iterate over";
  const remedy = isMap ? "give its values, as in batches.values()" : "as in [[task, task], [task, task]]";
  throw argumentError(kWho, expected, batches, typeof batches === "function" ? "call it" : remedy);
}

/** Before an evaluation is paid for; what a promise brings is seen in its turn. */
function checkList(batches: unknown): void {
  if (!Array.isArray(batches)) return;
  for (const [i, tasks] of batches.entries())
    if (!(tasks instanceof Promise)) checkTasks(kWho, `batch ${i} of the batches`, tasks);
}

function tellPassedOver({ say }: Pick<FitLoop<never>, "say">, seen: number): void {
  say(`fit passes over the ${batchesOf(seen)} that the run has taken`);
}

function tellNothingLeft({ warn, place }: Pick<FitLoop<never>, "warn" | "place">, seen: number): void {
  if (place.taken === 0) {
    const remedy = "a generator that was read to its end before gives nothing";
    throw argumentError(kWho, "at least one batch", 0, remedy);
  }
  warn(
    `trainer.fit: nothing is left to train on in this fit: it has taken ${place.taken} steps and there are ${batchesOf(seen)}; if no other fit follows, give more batches to go on, or another checkpointFile to begin anew`,
  );
}

function batchesOf(count: number): string {
  return count === 1 ? "1 batch" : `${count} batches`;
}

/** All reports in order, those before the last without their rollouts. */
function createReports<R extends StepReport | EvaluationReport>(): {
  readonly all: R[];
  add(report: R): void;
} {
  const all: R[] = [];
  return {
    all,
    add(report) {
      const before = all.pop();
      if (before !== undefined) all.push({ ...before, rollouts: [] });
      all.push(report);
    },
  };
}
