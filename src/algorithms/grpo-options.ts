// What grpo may be told, with what TRL, verl and unsloth call it.
import { checkFunction } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { checkGroupOptions, type GroupAdvantageOptions } from "../policy/advantages.js";
import { type PpoClipOptions, ppoClipNames } from "../policy/losses/ppo-clip.js";
import { surrogateLossElsewhere } from "../policy/losses/surrogate-loss.js";
import type { Credit } from "../types/credit.js";
import { type LearningRateOptions, learningRateNames } from "./learning-rate.js";
import { checkOptimizer, type OptimizerOptions, optimizerElsewhere } from "./optimizer-options.js";
import type { DeadGroups } from "./rows.js";

export interface GrpoOptions extends LearningRateOptions {
  /** Rollouts of each task, at least 2. Default 8. */
  readonly groupSize?: number;
  /** What each call contributed, such as `broadcast` (default): all calls of a rollout what the rollout did. */
  readonly credit?: Credit;
  /** How rewards become advantages. Default baseline "mean", scale "group". */
  readonly advantage?: GroupAdvantageOptions;
  /** Clip range, KL and aggregation. Default low 0.2, high 0.28, aggregate by rollout. */
  readonly loss?: PpoClipOptions;
  /** Optimizer updates of each step. Default 1. */
  readonly updates?: number;
  /** "whole" (default): every update sees all rows; "split": each update sees its share of the groups. */
  readonly batches?: "whole" | "split";
  /**
   * Groups without variance: "drop" (default) leaves them out of the mean, "count" keeps them in it, so that a step in which few groups say something
   * is a small one; a KL or entropy term then reads them too.
   */
  readonly dead?: DeadGroups;
  readonly optimizer?: OptimizerOptions;
}

/** Everything but the numbers, which are checked where they are used. @throws E_ARGUMENT */
export function checkGrpoNames(options: GrpoOptions): void {
  checkOptions("grpo", options, kNames, kElsewhere);
  if (options.loss !== undefined)
    checkOptions("grpo: loss", options.loss, ppoClipNames, surrogateLossElsewhere);
  if (options.advantage !== undefined) checkGroupOptions("grpo: advantage", options.advantage);
  checkOptimizer("grpo", options.optimizer);
  checkFunction("grpo", "credit", options.credit);
}

// --- internal ---

const kNames: OptionNames<GrpoOptions> = {
  ...learningRateNames,
  groupSize: ["group_size", "num_generations", "rollout_n", "n", "samples"],
  credit: ["credit_assignment", "credit_rule"],
  advantage: ["advantages", "advantage_estimator"],
  loss: ["policy_loss"],
  updates: ["num_iterations", "ppo_epochs", "updates_per_step", "inner_epochs"],
  batches: ["minibatches", "num_minibatches", "num_mini_batches"],
  dead: ["dead_groups", "filter_groups"],
  optimizer: ["optim", "adamw"],
};
const kInLoss = "give it inside loss, as in loss: { low: 0.2, high: 0.28 }";
const kKlInLoss = 'give it inside loss, as in loss: { kl: { kind: "k3", coefficient: 0.001 } }';
const kEntropyInLoss = "give it inside loss, as in loss: { entropy: { coefficient: 0.001 } }";
const kInAdvantage = 'give it inside advantage, as in advantage: { scale: "none" }';
const kInSampling = "the trainer has it, as in createTrainer({ sampling: { temperature, maxTokens } })";
const kElsewhere = {
  beta: kKlInLoss,
  kl: kKlInLoss,
  kl_coef: kKlInLoss,
  entropy: kEntropyInLoss,
  entropy_coeff: kEntropyInLoss,
  epsilon: kInLoss,
  epsilon_high: kInLoss,
  clip: kInLoss,
  clip_range: kInLoss,
  clip_ratio: kInLoss,
  low: kInLoss,
  high: kInLoss,
  dualClip: kInLoss,
  aggregate: 'give it inside loss, as in loss: { aggregate: { by: "token" } }',
  loss_type: 'give it inside loss, as in loss: { aggregate: { by: "token" } }',
  ...optimizerElsewhere,
  scale: kInAdvantage,
  baseline: kInAdvantage,
  scale_rewards: kInAdvantage,
  temperature: kInSampling,
  maxTokens: kInSampling,
  max_tokens: kInSampling,
  max_completion_length: kInSampling,
  batch_size: "a step's batch is its list of tasks, as in trainer.step(tasks)",
  rank: "the policy's adapter has it, as in loadPolicy(dir, { adapter: { rank: 16 } })",
  seed: "the trainer has it, as in createTrainer({ seed })",
};
