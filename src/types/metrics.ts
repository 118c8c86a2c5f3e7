// Every number that a run writes: its name, unit, meaning, and which way is good. An evaluation's numbers have a prefix ("eval/" unless told
// otherwise) before the name, times behind "time/". A name that is not here is the user's own. A loss's own numbers keep its spelling. "*" at the end of a
// name stands for what the run names: an agent, a part of the reward.

export interface Metric<Name extends string = string> {
  readonly name: Name;
  /** "share" is from 0 to 1, "reward" is the agent's own unit, "ratio" is of two probabilities. */
  readonly unit:
    | "count"
    | "share"
    | "reward"
    | "tokens"
    | "tokens/s"
    | "nats"
    | "ratio"
    | "seconds"
    | "number";
  readonly meaning: string;
  /** Null where neither way is good by itself. */
  readonly better: "higher" | "lower" | null;
  /** What writes it. */
  readonly of: "step" | "evaluation" | "both";
}

/** In the order in which they are written. */
export const metrics = [
  metric("step", "count", "training steps before this one", null, "step"),
  // What was earned.
  metric("reward/mean", "reward", "mean over the rollouts that could be used", "higher", "both"),
  metric("reward/std", "reward", "standard deviation over those rollouts", null, "both"),
  metric(
    "reward/ci95",
    "reward",
    "half-width of the normal 95 % interval of the mean, by tasks, since rollouts of one task are not independent; absent for one task",
    "lower",
    "both",
  ),
  metric("reward/p10", "reward", "a tenth of those rollouts earned less", "higher", "both"),
  metric("reward/p90", "reward", "a tenth of those rollouts earned as much or more", "higher", "both"),
  metric("reward/best", "reward", "the best rollout of a task, mean over tasks", "higher", "both"),
  metric(
    "reward/part/*",
    "reward",
    "mean of one part, over the rollouts that have it: the agent's own, one that it emitted, one of `rewards`; absent where the agent's is the only one",
    "higher",
    "both",
  ),
  metric("reward/count", "count", "rollouts that could be used", "higher", "both"),
  // How rollouts ended.
  metric("rollouts/ok", "count", "the agent returned and there is a reward", "higher", "both"),
  metric("rollouts/error", "count", "the agent threw after a model call: rewardOnError", "lower", "both"),
  metric("rollouts/excluded", "count", "rollouts without a reward, for whatever reason", "lower", "both"),
  metric("rollouts/in_doubt", "count", "excluded: its calls may be another rollout's", "lower", "both"),
  metric("rollouts/timeout", "count", "excluded: past the deadline", "lower", "both"),
  metric("rollouts/cancelled", "count", "excluded: cancelled", "lower", "both"),
  metric("rollouts/provider_error", "count", "excluded: a provider failed", "lower", "both"),
  metric("rollouts/no_call", "count", "excluded: the policy answered no call", "lower", "both"),
  metric("rollouts/no_reward", "count", "excluded: no reward was returned or emitted", "lower", "both"),
  metric("rollouts/bad_reward", "count", "excluded: the reward is no finite number", "lower", "both"),
  metric("rollouts/unscored", "count", "excluded: one of `rewards` failed for the group", "lower", "both"),
  // Model calls.
  metric("calls/per_rollout", "count", "model calls of a rollout, mean", null, "both"),
  metric("calls/per_rollout_max", "count", "model calls of the rollout that has most", null, "both"),
  metric("calls/refused", "count", "calls that the policy's endpoint refused, sum", "lower", "both"),
  metric("calls/unseen", "count", "calls that could be neither served nor recorded, sum", "lower", "both"),
  metric(
    "calls/trace_uploads",
    "count",
    "uploads of frameworks' traces to their makers that were answered here, sum",
    null,
    "both",
  ),
  metric(
    "calls/ignored",
    "count",
    "answers to calls with fields that the endpoint does not know, sum; the spans name them",
    "lower",
    "both",
  ),
  metric("calls/prompt_tokens", "tokens", "prompt of a model call, mean", null, "both"),
  metric("calls/prompt_tokens_p90", "tokens", "a tenth of the prompts are as long or longer", null, "both"),
  metric("calls/prompt_tokens_max", "tokens", "the longest prompt", null, "both"),
  metric("calls/response_tokens", "tokens", "answer of a model call, mean", null, "both"),
  metric("calls/response_tokens_p90", "tokens", "a tenth of the answers are as long or longer", null, "both"),
  metric("calls/response_tokens_max", "tokens", "the longest answer", null, "both"),
  metric("calls/truncated", "share", "model calls whose answer was cut at its most tokens", "lower", "both"),
  metric(
    "calls/entropy",
    "nats",
    "mean of -log p over all tokens that the policy sampled, of groups without variance, too: estimates its entropy per token",
    null,
    "step",
  ),
  metric(
    "calls/malformed",
    "count",
    "calls whose answer begins a tool call that is not well formed, and so is text",
    "lower",
    "both",
  ),
  metric("tools/per_rollout", "count", "tool calls in the answers of a rollout, mean", null, "both"),
  metric(
    "tools/errors",
    "share",
    "tool calls of an unknown name, with arguments that the tool's schema does not allow, or answered by an error",
    "lower",
    "both",
  ),
  // By agent, where several make calls.
  metric("agents/calls/*", "count", "model calls of one agent in a rollout, mean", null, "both"),
  metric("agents/tokens/*", "tokens", "answer of one agent, mean", null, "both"),
  metric("agents/truncated/*", "share", "answers of one agent that were cut", "lower", "both"),
  metric(
    "constraint/mass",
    "share",
    "of constrained answers: the probability that the model itself gave to what the constraint allowed, mean over tokens that were a choice",
    "higher",
    "both",
  ),
  metric("rows/breaks", "count", "calls that should have continued one before and did not", "lower", "both"),
  metric(
    "rows/breaks/thought",
    "count",
    "of these, because the agent did not send back what was thought",
    "lower",
    "both",
  ),
  // Groups and rows.
  metric("groups/count", "count", "tasks with a rollout that could be used", "higher", "step"),
  metric(
    "groups/dead",
    "share",
    "groups whose advantages are all 0: with credit by rollout, those that all earned the same",
    "lower",
    "step",
  ),
  metric("groups/dead_above", "share", "dead groups that earned more than the step's mean", null, "step"),
  metric("groups/dead_below", "share", "dead groups that earned less than the step's mean", "lower", "step"),
  metric("rows/count", "count", "training rows", null, "step"),
  metric("rows/tokens", "tokens", "tokens of the training rows, prompts included", null, "step"),
  metric("rows/sampled_tokens", "tokens", "tokens of the training rows that were sampled", null, "step"),
  metric("rows/per_rollout", "count", "rows of a rollout, mean; 1 when all calls continue", "lower", "step"),
  metric("advantage/std", "number", "standard deviation of the advantages", null, "step"),
  metric(
    "credit/anchored",
    "share",
    "calls that credit compares with another of their group, where it compares calls",
    "higher",
    "step",
  ),
  // The update.
  metric("update/count", "count", "optimizer updates; 0 when there was nothing to learn", null, "step"),
  metric("update/tokens", "tokens", "sampled tokens in the loss, over all updates", null, "step"),
  metric("update/loss", "number", "loss, mean over the updates; says nothing about progress", null, "step"),
  metric("update/lr", "number", "learning rate of the step's first update", null, "step"),
  metric("update/lr_highest", "number", "the highest learning rate of its course", null, "step"),
  metric("update/lr_updates", "count", "updates over which it falls to 0; 0 when it stays", null, "step"),
  metric("update/grad_norm", "number", "gradient before clipping, mean over the updates", null, "step"),
  metric("update/grad_norm_max", "number", "the largest of those gradients", "lower", "step"),
  metric(
    "update/kl",
    "nats",
    "KL divergence of the policy after the step from the one before it, per sampled token of the step's rows (k3); every klEvery steps",
    null,
    "step",
  ),
  metric(
    "update/ratio_mean",
    "ratio",
    "probability after the step over that before it, mean over the sampled tokens of the step's rows; every klEvery steps",
    null,
    "step",
  ),
  metric("update/ratio_min", "ratio", "the smallest of those ratios; every klEvery steps", null, "step"),
  metric("update/ratio_max", "ratio", "the largest of those ratios; every klEvery steps", null, "step"),
  metric("update/logprob", "nats", "log-probability of a token in the loss, mean", null, "step"),
  metric("update/entropy", "nats", "entropy at a token in the loss, where the loss reads it", null, "step"),
  metric(
    "update/klRef",
    "nats",
    "KL divergence from the reference in the loss, with a KL term",
    "lower",
    "step",
  ),
  // Of several updates; in a single one the ratio is 1 by construction.
  metric("update/klOld", "nats", "KL divergence in the loss (k3), of several updates", null, "step"),
  metric("update/ratioMean", "ratio", "ratio in the loss, mean, of several updates", null, "step"),
  metric("update/ratioMin", "ratio", "the smallest ratio in the loss, of several updates", null, "step"),
  metric("update/ratioMax", "ratio", "the largest ratio in the loss, of several updates", null, "step"),
  metric("update/clipFraction", "share", "tokens clipped, of several updates", "lower", "step"),
  metric("update/clipLow", "share", "tokens clipped below 1 - low, of several updates", "lower", "step"),
  metric("update/clipHigh", "share", "tokens clipped above 1 + high, of several updates", "lower", "step"),
  metric("update/clipDual", "share", "tokens held by dualClip, of several updates", "lower", "step"),
  metric(
    "update/correctionMean",
    "ratio",
    "what a correction multiplies a token's loss by, mean; 1 where every row is exact",
    null,
    "step",
  ),
  metric("update/correctionDropped", "share", "tokens that a correction leaves out", "lower", "step"),
  metric("exact/compared", "tokens", "sampled tokens compared with training bit for bit", "higher", "step"),
  metric("exact/stale", "tokens", "sampled tokens of another version: not compared", "lower", "step"),
  // Where the time went.
  metric("time/sampling", "seconds", "the policy was sampling", "lower", "step"),
  metric("time/agent", "seconds", "rollouts ran and the policy was not sampling", "lower", "step"),
  metric("time/rewards", "seconds", "rewards were given, where there are `rewards`", "lower", "step"),
  metric("time/training", "seconds", "the algorithm's update", "lower", "step"),
  metric("time/step", "seconds", "the whole step", "lower", "step"),
  metric(
    "time/sampled_rate",
    "tokens/s",
    "tokens that the policy sampled, over time/sampling",
    "higher",
    "step",
  ),
  metric("time/trained_rate", "tokens/s", "sampled tokens in the loss, over time/training", "higher", "step"),
  metric("time/seconds", "seconds", "the whole evaluation", "lower", "evaluation"),
] as const;

export type MetricName = Written<TableName>;

/** Numbers by their names. */
export type Metrics = { [Name in TableName as Name extends `${string}/*` ? never : Name]?: number } & {
  [Name in TableName as Name extends `${string}/*` ? Written<Name> : never]: number;
};

/** Under the names that an evaluation writes them by: `eval/reward/mean`, `time/eval/seconds`. */
export function evaluationMetrics(prefix: string, numbers: Metrics): Record<string, number> {
  const entries = Object.entries(numbers) as [MetricName, number][];
  return Object.fromEntries(entries.map(([name, value]) => [evaluationName(prefix, name), value]));
}

/** What the table says of a name as it is written, an evaluation's with any prefix; undefined for a user's own. */
export function metricOf(written: string): Metric | undefined {
  const place = placeInStep(written);
  if (place !== undefined) return metrics[place];
  return metrics.find(({ name, of }) => of !== "step" && isEvaluationName(written, name));
}

/** Where the table has a step's number; undefined for an evaluation's and a user's own. */
export function placeInStep(written: string): number | undefined {
  const place = metrics.findIndex(
    ({ name, of }) => of !== "evaluation" && (name === written || isNamedBy(written, name)),
  );
  return place < 0 ? undefined : place;
}

// --- internal ---

type TableName = (typeof metrics)[number]["name"];
/** A name as it stands in a line. */
type Written<Name extends string> = Name extends `${infer Folder}/*` ? `${Folder}/${string}` : Name;

const kTime = "time/";

function evaluationName(prefix: string, name: string): string {
  return name.startsWith(kTime) ? `${kTime}${prefix}${name.slice(kTime.length)}` : `${prefix}${name}`;
}

/** Whether a name that ends in "*" stands for the other. */
function isNamedBy(written: string, name: string): boolean {
  return name.endsWith("*") && written.startsWith(name.slice(0, -1)) && written.length >= name.length;
}

function isEvaluationName(written: string, name: string): boolean {
  if (name.endsWith("*"))
    return isNamedBy(written.slice(Math.max(0, written.indexOf(name.slice(0, -1)))), name);
  if (!name.startsWith(kTime)) return written.endsWith(name);
  return written.startsWith(kTime) && written.endsWith(name.slice(kTime.length));
}

function metric<const Name extends string>(
  name: Name,
  unit: Metric["unit"],
  meaning: string,
  better: Metric["better"],
  of: Metric["of"],
): Metric<Name> {
  return { name, unit, meaning, better, of };
}
