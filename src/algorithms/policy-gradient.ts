// The core of the policy-gradient family: advantages by credit, rows, a loss, updates in whole or in parts, and their numbers. An algorithm is a
// recipe over it: what it compares, which loss, how tokens share it. It has no paper: the recipes' files name theirs.
import { argumentError, checkFunction, checkInteger, checkOneOf } from "../base/check.js";
import { broadcast } from "../credit/broadcast.js";
import type { Aggregate } from "../policy/losses/aggregate.js";
import type { LossSequence } from "../policy/losses/loss-inputs.js";
import type { PolicyLoss } from "../policy/losses/policy-loss.js";
import type { SurrogateLossOptions } from "../policy/losses/surrogate-loss.js";
import type { OptimStepOptions } from "../policy/policy.js";
import type { Metrics } from "../types/metrics.js";
import type { Algorithm, PrepareContext, StepContext, UpdateContext } from "./algorithm.js";
import { countedAggregate } from "./counted-aggregate.js";
import type { Compare } from "./credited-calls.js";
import { countExactness, isCurrent } from "./exactness.js";
import { createLearningRate, rateMetrics, toUpdatePlace } from "./learning-rate.js";
import { checkOptimizer } from "./optimizer-options.js";
import { overUpdates, type UpdateNumbers } from "./over-updates.js";
import type { PolicyGradientOptions } from "./policy-gradient-options.js";
import { type DeadGroups, type TrainingRow, toRows } from "./rows.js";
import { measureMove, scoreRows } from "./score-rows.js";
import { createUpdateCounts } from "./update-counts.js";
import { wholeUpdate } from "./whole-update.js";

/** What makes an algorithm of the family that one. */
export interface Recipe<Loss extends SurrogateLossOptions> {
  readonly name: string;
  /** Fewest rollouts of a task that it can learn from. Default 2. */
  readonly leastGroupSize?: number;
  /** How it compares what a term of credit leaves to it. */
  readonly compare: Compare;
  /** @throws E_ARGUMENT */
  loss(options: Loss): PolicyLoss;
  /** How tokens share the loss unless told otherwise. */
  readonly aggregate: Aggregate;
  /** The loss weighs by the probability when sampled, so that rows of other versions need no further correction. Default false. */
  readonly isToSampled?: boolean;
}

/**
 * The recipe as an algorithm. Where all rows were sampled under what is trained, no forward pass precedes the first update and there is no correction;
 * rows of another version are scored first, and weighted by truncated importance sampling unless the loss says otherwise.
 * @throws E_ARGUMENT
 */
export function policyGradient<Loss extends SurrogateLossOptions>(
  recipe: Recipe<Loss>,
  options: PolicyGradientOptions<Loss>,
): Algorithm {
  const { name, compare } = recipe;
  const groupSize = checkInteger(name, "groupSize", options.groupSize ?? 8, {
    min: recipe.leastGroupSize ?? 2,
  });
  const updates = checkInteger(name, "updates", options.updates ?? 1, { min: 1 });
  checkOneOf(name, "batches", options.batches ?? "whole", ["whole", "split"]);
  const dead = checkOneOf(name, "dead", options.dead ?? "drop", ["drop", "count"]);
  checkFunction(name, "credit", options.credit);
  checkOptimizer(name, options.optimizer);
  const rate = createLearningRate(name, options);
  const toLoss = lossOver(recipe, options.loss ?? ({} as Loss), dead);
  const needs = needsOf(recipe, options.loss);
  const counts = createUpdateCounts();
  const credit = options.credit ?? broadcast();
  const rateOf = ({ policy, adapter, run }: StepContext, update: number) =>
    rate(
      toUpdatePlace(counts.of(adapter), run, update, updates),
      policy.config.hidden,
      adapter === "base" ? "all" : "adapter",
    );
  return {
    name,
    trains: ["weights"],
    groupSize,
    prepare: (context) => checkAdapters(name, context, needs.reference),
    check: (context) => void rateOf(context, 0),
    state: counts.state,
    restore: counts.restore,
    async update(context) {
      const { policy, adapter } = context;
      const { rows, metrics, advantages } = toRows(context.groups, { adapter, credit, compare, dead });
      const rates = Array.from({ length: updates }, (_, update) => rateOf(context, update));
      const read = rows.filter(({ isDead }) => needs.dead || !isDead);
      const prepared = await prepareRows(context, read, needs);
      const numbers_U: UpdateNumbers[] = [];
      for (const [update, { lr }] of rates.entries()) {
        const part = options.batches === "split" ? share(rows, update, updates) : rows;
        const inPart = new Set(part);
        const given = prepared.filter(({ row }) => inPart.has(row));
        if (given.length === 0) continue;
        const step = { ...options.optimizer, lr };
        const isExact = given.every(({ current }) => current);
        const take = () => takeUpdate(name, context, given, toLoss(part, isExact), update === 0, step);
        numbers_U.push(await wholeUpdate(policy, adapter, take));
      }
      // A step in which nothing could be learned advances the schedule too.
      counts.add(adapter, updates);
      const [first] = rates;
      const scheduled = first === undefined ? {} : rateMetrics(first);
      const measured = await stepMetrics(context, prepared, numbers_U);
      return { metrics: { ...metrics, ...scheduled, ...measured }, advantages };
    },
  };
}

// --- internal ---

/** What its loss reads besides the rows. */
interface Needs {
  /** The base model's log-probabilities: the policy without its adapter. */
  readonly reference: boolean;
  /** Those when sampled, also where all rows are exact. */
  readonly sampled: boolean;
  /** Rows of dead groups: a KL or entropy term reads them. */
  readonly dead: boolean;
}

function needsOf<Loss extends SurrogateLossOptions>(recipe: Recipe<Loss>, loss: Loss | undefined): Needs {
  const reference = (loss?.kl?.coefficient ?? 0) !== 0;
  return {
    reference,
    sampled: recipe.isToSampled === true || loss?.correction !== undefined,
    dead: reference || (loss?.entropy?.coefficient ?? 0) !== 0,
  };
}

function checkAdapters(name: string, { policy, adapters }: PrepareContext, needsReference: boolean): void {
  for (const adapter of adapters) {
    if (needsReference && adapter === "base") {
      const expected = "an adapter to train, since the base model is the KL term's reference";
      throw argumentError(name, expected, adapter);
    }
    if (!policy.adapters.includes(adapter) && adapter !== "base")
      throw argumentError(name, `an adapter of the policy (${policy.adapters.join(", ")})`, adapter);
  }
}

/** The loss of an update by the rows in whose mean it is, and whether all were sampled under what is trained. */
type ToLoss = (rows: readonly TrainingRow[], isExact: boolean) => PolicyLoss;

/** @throws E_ARGUMENT */
function lossOver<Loss extends SurrogateLossOptions>(
  recipe: Recipe<Loss>,
  options: Loss,
  dead: DeadGroups,
): ToLoss {
  const aggregate = options.aggregate ?? recipe.aggregate;
  const own = recipe.isToSampled === true ? {} : { correction: { kind: "tis" } as const };
  const corrected: Loss = { ...own, ...options, aggregate };
  const [exact, stale] = [recipe.loss({ ...options, aggregate }), recipe.loss(corrected)];
  if (dead === "drop") return (_, isExact) => (isExact ? exact : stale);
  return (rows, isExact) =>
    recipe.loss({ ...(isExact ? options : corrected), aggregate: countedAggregate(aggregate, rows) });
}

interface PreparedRow {
  readonly row: TrainingRow;
  readonly sequence: LossSequence;
  readonly current: boolean;
}

async function prepareRows(
  { policy, adapter }: UpdateContext,
  rows: readonly TrainingRow[],
  needs: Needs,
): Promise<PreparedRow[]> {
  const version = policy.version(adapter);
  const current = rows.map(({ trajectory }) => isCurrent(trajectory, adapter, version, policy.arithmetic));
  const isCorrected = needs.sampled || current.includes(false);
  const trajectories = rows.map(({ trajectory }) => trajectory);
  const stale = trajectories.filter((_, i) => !current[i]);
  const scored = (await scoreRows(policy, adapter, stale)).values();
  const old = current.map((is) => (is ? undefined : scored.next().value));
  const reference = needs.reference ? await scoreRows(policy, "base", trajectories) : [];
  return rows.map((row, i) => {
    const { tokens, mask, sampledLogprobs, rolloutId } = row.trajectory;
    const oldLogprobs = current[i] && sampledLogprobs !== null ? sampledLogprobs : (old[i] ?? []);
    const sequence: LossSequence = {
      tokens,
      mask,
      advantages: row.advantages,
      oldLogprobs,
      // What an engine sampled without saying so counts as sampled now.
      ...(isCorrected ? { sampledLogprobs: sampledLogprobs ?? oldLogprobs } : {}),
      rollout: rolloutId,
      group: row.group,
      ...(needs.reference ? { refLogprobs: reference[i] ?? [] } : {}),
    };
    return { row, sequence, current: current[i] ?? false };
  });
}

/** Whole groups, so that each update's advantages are complete. */
function share(rows: readonly TrainingRow[], update: number, updates: number): TrainingRow[] {
  const groups = [...new Set(rows.map(({ group }) => group))];
  return rows.filter(({ group }) => groups.indexOf(group) % updates === update);
}

async function takeUpdate(
  name: string,
  { policy, adapter }: UpdateContext,
  rows: readonly PreparedRow[],
  loss: PolicyLoss,
  isFirst: boolean,
  step: OptimStepOptions,
): Promise<UpdateNumbers> {
  const temperature = rows[0]?.row.trajectory.temperature ?? 1;
  const other = rows.find(({ row }) => row.trajectory.temperature !== temperature);
  if (other !== undefined) {
    throw argumentError(
      name,
      "all rows of an update to be sampled at one temperature",
      other.row.trajectory.temperature,
    );
  }
  // Before the first step, what they were sampled or scored with are the log-probabilities now: no pass is needed to know them, every pass is checked.
  const sequences = rows.map(({ sequence }) =>
    isFirst && sequence.oldLogprobs ? { ...sequence, logprobs: sequence.oldLogprobs } : sequence,
  );
  const result = await policy.forwardBackward(sequences, loss, { adapter, temperature });
  const { gradNorm } = await policy.optimStep({ ...step, adapter });
  const metrics: Metrics = {
    "update/loss": result.loss,
    "update/grad_norm": gradNorm,
    "update/grad_norm_max": gradNorm,
    ...lossMetrics(result.metrics),
    ...(isFirst ? exactness(rows) : {}),
  };
  return { tokens: metrics["update/tokens"] ?? 0, metrics };
}

/** The loss's own numbers under the table's names; the table has all of ppoClip's. */
function lossMetrics(numbers: Readonly<Record<string, number>>): Metrics {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`update/${name}`, value]));
}

function exactness(rows: readonly PreparedRow[]): Metrics {
  const { compared, stale } = countExactness(
    rows.map(({ row }) => row.trajectory),
    rows.map(({ current }) => current),
  );
  return { "exact/compared": compared, "exact/stale": stale };
}

/** Of a step in which nothing could be learned. */
const kNoUpdate: Metrics = { "update/count": 0, "update/tokens": 0, "exact/compared": 0, "exact/stale": 0 };

/** Constant in a single update, which sees the policy as it was: what moved it is measured after the step. */
const kConstantAtFirst = [
  ...["update/ratioMean", "update/ratioMin", "update/ratioMax", "update/klOld"],
  ...["update/clipFraction", "update/clipLow", "update/clipHigh", "update/clipDual"],
] as const;

async function stepMetrics(
  { policy, adapter, measure }: UpdateContext,
  rows: readonly PreparedRow[],
  updates: readonly UpdateNumbers[],
): Promise<Metrics> {
  if (updates.length === 0) return kNoUpdate;
  const metrics = { ...overUpdates(updates), "update/count": updates.length };
  if (updates.length === 1) for (const name of kConstantAtFirst) delete metrics[name];
  if (!measure) return metrics;
  const moved = rows.map(({ row, sequence }) => ({
    trajectory: row.trajectory,
    oldLogprobs: sequence.oldLogprobs ?? [],
  }));
  return { ...metrics, ...(await measureMove(policy, adapter, moved)) };
}
