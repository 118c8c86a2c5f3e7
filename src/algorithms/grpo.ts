// GRPO: rollouts of one task are each other's baseline.   Shao et al. 2024, arXiv:2402.03300, equations 3 and 21
//   A_i = (r_i - mean_g) / (std_g + eps),   L = -min(rho A, clip(rho, 1 - low, 1 + high) A),   rho = pi / pi_old
// Where we differ:
//   1. One advantage a rollout, spread over all its model calls; a rollout weighs the same however many calls or tokens it has
//      (aggregate "rollout"; Agent Lightning 1.0, arXiv:2608.17528, per-rollout mean).
//   2. Clip 0.2 low and 0.28 high (DAPO, arXiv:2503.14476); no KL term, so no reference pass, unless asked for.
//   3. Groups without variance are never computed: dropped, they leave the mean too; counted (`dead`), they stay in its denominator.
//   4. pi_old is what the tokens were sampled with, exact to the bit, so no forward pass precedes the first update; rows of another version are scored first,
//      and weighted by pi_old / mu, at most 2 (truncated importance sampling), unless the loss's correction says otherwise. Where all rows are exact there is none.
import { argumentError, checkInteger, checkOneOf } from "../base/check.js";
import { broadcast } from "../credit/broadcast.js";
import type { LossSequence } from "../policy/losses/loss-inputs.js";
import type { PolicyLoss } from "../policy/losses/policy-loss.js";
import { type PpoClipOptions, ppoClip } from "../policy/losses/ppo-clip.js";
import type { OptimStepOptions } from "../policy/policy.js";
import type { Metrics } from "../types/metrics.js";
import type { Algorithm, StepContext, UpdateContext } from "./algorithm.js";
import { countedAggregate } from "./counted-aggregate.js";
import { compareBy } from "./credited-calls.js";
import { countExactness, isCurrent } from "./exactness.js";
import { checkGrpoNames, type GrpoOptions } from "./grpo-options.js";
import { createLearningRate, rateMetrics, toUpdatePlace } from "./learning-rate.js";
import { overUpdates, type UpdateNumbers } from "./over-updates.js";
import { type DeadGroups, type TrainingRow, toRows } from "./rows.js";
import { measureMove, scoreRows } from "./score-rows.js";
import { createUpdateCounts } from "./update-counts.js";
import { wholeUpdate } from "./whole-update.js";

/** @throws E_ARGUMENT */
export function grpo(options: GrpoOptions = {}): Algorithm {
  checkGrpoNames(options);
  const groupSize = checkInteger("grpo", "groupSize", options.groupSize ?? 8, { min: 2 });
  const updates = checkInteger("grpo", "updates", options.updates ?? 1, { min: 1 });
  checkOneOf("grpo", "batches", options.batches ?? "whole", ["whole", "split"]);
  const dead = checkOneOf("grpo", "dead", options.dead ?? "drop", ["drop", "count"]);
  const rate = createLearningRate("grpo", options);
  const toLoss = lossOver(options.loss ?? {}, dead);
  // The reference is the base model, which is the policy without its adapter.
  const needsReference = (options.loss?.kl?.coefficient ?? 0) !== 0;
  const needsSampled = options.loss?.correction !== undefined;
  const readsDead = needsReference || (options.loss?.entropy?.coefficient ?? 0) !== 0;
  const counts = createUpdateCounts();
  const credit = options.credit ?? broadcast();
  const compare = compareBy(options.advantage ?? {});
  const rateOf = ({ policy, adapter, run }: StepContext, update: number) =>
    rate(
      toUpdatePlace(counts.of(adapter), run, update, updates),
      policy.config.hidden,
      adapter === "base" ? "all" : "adapter",
    );
  return {
    name: "grpo",
    trains: ["weights"],
    groupSize,
    prepare({ policy, adapters }) {
      for (const adapter of adapters) {
        if (needsReference && adapter === "base") {
          const expected = "an adapter to train, since the base model is the KL term's reference";
          throw argumentError("grpo", expected, adapter);
        }
        if (!policy.adapters.includes(adapter) && adapter !== "base")
          throw argumentError("grpo", `an adapter of the policy (${policy.adapters.join(", ")})`, adapter);
      }
    },
    check: (context) => void rateOf(context, 0),
    state: counts.state,
    restore: counts.restore,
    async update(context) {
      const { policy, adapter } = context;
      const { rows, metrics, advantages } = toRows(context.groups, { adapter, credit, compare, dead });
      const rates = Array.from({ length: updates }, (_, update) => rateOf(context, update));
      const read = rows.filter(({ isDead }) => readsDead || !isDead);
      const prepared = await prepareRows(context, read, { needsReference, needsSampled });
      const numbers_U: UpdateNumbers[] = [];
      for (const [update, { lr }] of rates.entries()) {
        const part = options.batches === "split" ? share(rows, update, updates) : rows;
        const inPart = new Set(part);
        const given = prepared.filter(({ row }) => inPart.has(row));
        if (given.length === 0) continue;
        const step = { ...options.optimizer, lr };
        const isExact = given.every(({ current }) => current);
        const take = () => takeUpdate(context, given, toLoss(part, isExact), update === 0, step);
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

/** The loss of an update by the rows in whose mean it is, and whether all were sampled under what is trained. */
type ToLoss = (rows: readonly TrainingRow[], isExact: boolean) => PolicyLoss;

/** @throws E_ARGUMENT */
function lossOver(options: PpoClipOptions, dead: DeadGroups): ToLoss {
  const aggregate = options.aggregate ?? { by: "rollout" };
  const corrected: PpoClipOptions = {
    ...options,
    aggregate,
    correction: options.correction ?? { kind: "tis" },
  };
  const [exact, stale] = [ppoClip({ ...options, aggregate }), ppoClip(corrected)];
  if (dead === "drop") return (_, isExact) => (isExact ? exact : stale);
  return (rows, isExact) =>
    ppoClip({ ...(isExact ? options : corrected), aggregate: countedAggregate(aggregate, rows) });
}

interface PreparedRow {
  readonly row: TrainingRow;
  readonly sequence: LossSequence;
  readonly current: boolean;
}

async function prepareRows(
  { policy, adapter }: UpdateContext,
  rows: readonly TrainingRow[],
  { needsReference, needsSampled }: { readonly needsReference: boolean; readonly needsSampled: boolean },
): Promise<PreparedRow[]> {
  const version = policy.version(adapter);
  const current = rows.map(({ trajectory }) => isCurrent(trajectory, adapter, version, policy.arithmetic));
  const isCorrected = needsSampled || current.includes(false);
  const trajectories = rows.map(({ trajectory }) => trajectory);
  const stale = trajectories.filter((_, i) => !current[i]);
  const scored = (await scoreRows(policy, adapter, stale)).values();
  const old = current.map((is) => (is ? undefined : scored.next().value));
  const reference = needsReference ? await scoreRows(policy, "base", trajectories) : [];
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
      ...(needsReference ? { refLogprobs: reference[i] ?? [] } : {}),
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
      "grpo",
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
