// What every algorithm of the policy-gradient family may be told, with what TRL, verl and unsloth call it.
import { checkOptions, type OptionNames } from "../base/options.js";
import type { SurrogateLossOptions } from "../policy/losses/surrogate-loss.js";
import type { Credit } from "../types/credit.js";
import { type LearningRateOptions, learningRateNames } from "./learning-rate.js";
import { type OptimizerOptions, optimizerElsewhere } from "./optimizer-options.js";
import type { DeadGroups } from "./rows.js";

export interface PolicyGradientOptions<Loss extends SurrogateLossOptions = SurrogateLossOptions>
  extends LearningRateOptions {
  /** Rollouts of each task. Default 8. */
  readonly groupSize?: number;
  /** What each call contributed. Default: all calls of a rollout what the rollout did. */
  readonly credit?: Credit;
  /** Of the loss, such as its clip range, KL and aggregation. */
  readonly loss?: Loss;
  /** Optimizer updates of each step. Default 1. */
  readonly updates?: number;
  /** "whole" (default): every update sees all rows; "split": each update sees its share of the groups. */
  readonly batches?: "whole" | "split";
  /**
   * Groups that say nothing, all of whose advantages are 0: "drop" (default) leaves them out of the mean, "count" keeps them in it, so that a step
   * in which few groups say something is a small one; a KL or entropy term then reads them too.
   */
  readonly dead?: DeadGroups;
  readonly optimizer?: OptimizerOptions;
}

/** Beside each name, those of others. */
export const policyGradientNames: OptionNames<PolicyGradientOptions> = {
  ...learningRateNames,
  groupSize: ["group_size", "num_generations", "rollout_n", "n", "samples"],
  credit: ["credit_assignment", "credit_rule"],
  loss: ["policy_loss"],
  updates: ["num_iterations", "ppo_epochs", "updates_per_step", "inner_epochs"],
  batches: ["minibatches", "num_minibatches", "num_mini_batches"],
  dead: ["dead_groups"],
  optimizer: ["optim", "adamw"],
};

/** Names alone: numbers are checked where they are used. @param own  of the algorithm itself. @throws E_ARGUMENT */
export function checkPolicyGradientNames(
  who: string,
  options: object,
  own: Readonly<Record<string, readonly string[]>>,
): void {
  checkOptions<PolicyGradientOptions>(
    who,
    options,
    { ...policyGradientNames, ...own },
    policyGradientElsewhere,
  );
}

// Where they belong.
const kInLoss = "give it inside loss, as in loss: { low: 0.2, high: 0.28 }";
const kKlInLoss = 'give it inside loss, as in loss: { kl: { kind: "k3", coefficient: 0.001 } }';
const kEntropyInLoss = "give it inside loss, as in loss: { entropy: { coefficient: 0.001 } }";
const kInSampling = "the trainer has it, as in createTrainer({ sampling: { temperature, maxTokens } })";
/** Options that are options of an option, or of something else. */
export const policyGradientElsewhere = {
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
  temperature: kInSampling,
  maxTokens: kInSampling,
  max_tokens: kInSampling,
  max_completion_length: kInSampling,
  batch_size: "a step's batch is its list of tasks, as in trainer.step(tasks)",
  rank: "the policy's adapter has it, as in loadPolicy(dir, { adapter: { rank: 16 } })",
  seed: "the trainer has it, as in createTrainer({ seed })",
};
