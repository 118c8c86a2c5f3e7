// Supervised fine-tuning: maximise the likelihood of demonstrated answers, and of nothing else in the dialogue.
//   L = -(1 / N) sum over the N answer tokens of log pi(token)
// Where we differ from a plain causal-language-model loss:
//   1. Only the demonstrated tokens count (mask); prompts do not.
//   2. The mean is over all answer tokens of the batch, whatever micro-batches it is computed in.
//   3. Demonstrations are the trajectories of the step's rollouts whose reward reaches `minReward` (rejection sampling, RAFT, arXiv:2304.06767);
//      dialogues written by hand go through `trainOn`.
import { argumentError, checkInteger, checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { losses } from "../policy/losses/index.js";
import type { Policy } from "../policy/policy.js";
import type { Algorithm, RunPlace, UpdateReport } from "./algorithm.js";
import {
  createLearningRate,
  type LearningRateOptions,
  learningRateNames,
  rateMetrics,
  toUpdatePlace,
} from "./learning-rate.js";
import { checkOptimizer, type OptimizerOptions, optimizerElsewhere } from "./optimizer-options.js";
import { createUpdateCounts } from "./update-counts.js";
import { wholeUpdate } from "./whole-update.js";

/** T tokens and T - 1 mask entries, for tokens[1..]: 1 on what is to be learned. */
export interface Demonstration {
  readonly tokens: ArrayLike<number>;
  readonly mask: ArrayLike<number>;
}

export interface SftOptions extends LearningRateOptions {
  /** Rollouts of each task. Default 1. */
  readonly groupSize?: number;
  /** Rollouts below it are not learned from. Default 1. */
  readonly minReward?: number;
  readonly optimizer?: OptimizerOptions;
}

export interface Sft extends Algorithm {
  /** One update on demonstrations. @throws E_ARGUMENT, E_NONFINITE */
  trainOn(policy: Policy, demonstrations: readonly Demonstration[], adapter?: string): Promise<UpdateReport>;
}

/** @throws E_ARGUMENT */
export function sft(options: SftOptions = {}): Sft {
  checkOptions("sft", options, kNames, kElsewhere);
  checkOptimizer("sft", options.optimizer);
  const groupSize = checkInteger("sft", "groupSize", options.groupSize ?? 1, { min: 1 });
  const minReward = checkNumber("sft", "minReward", options.minReward ?? 1);
  const rate = createLearningRate("sft", options);
  const loss = losses.logLikelihood();
  const counts = createUpdateCounts();
  const rateNow = (policy: Policy, adapter: string, run: RunPlace | undefined) =>
    rate(
      toUpdatePlace(counts.of(adapter), run, 0, 1),
      policy.config.hidden,
      adapter === "base" ? "all" : "adapter",
    );
  const learn = async (
    policy: Policy,
    demonstrations: readonly Demonstration[],
    adapter: string,
    run: RunPlace | undefined,
  ): Promise<UpdateReport> => {
    checkDemonstrations(demonstrations);
    const { sequences, tokens } = toSequences(demonstrations);
    const scheduled = rateNow(policy, adapter, run);
    const { result, gradNorm } = await wholeUpdate(policy, adapter, async () => {
      const result = await policy.forwardBackward(sequences, loss, { adapter });
      return { result, ...(await policy.optimStep({ ...options.optimizer, adapter, lr: scheduled.lr })) };
    });
    counts.add(adapter, 1);
    return {
      metrics: {
        "update/loss": result.loss,
        "update/grad_norm": gradNorm,
        ...rateMetrics(scheduled),
        "update/tokens": tokens,
      },
    };
  };
  return {
    name: "sft",
    trains: ["weights"],
    groupSize,
    trainOn: (policy, demonstrations, adapter = policy.adapters[0] ?? "base") =>
      learn(policy, demonstrations, adapter, undefined),
    check: ({ policy, adapter, run }) => void rateNow(policy, adapter, run),
    state: counts.state,
    restore: counts.restore,
    async update({ policy, adapter, groups, run }) {
      const learned = groups
        .flatMap((group) => group.rollouts)
        .filter((rollout) => (rollout.reward ?? Number.NEGATIVE_INFINITY) >= minReward)
        .flatMap((rollout) => rollout.trajectories)
        .filter((trajectory) => trajectory.adapter === adapter);
      if (learned.length === 0) {
        const scheduled = rateNow(policy, adapter, run);
        counts.add(adapter, 1);
        return { metrics: { ...rateMetrics(scheduled), "update/count": 0, "rows/count": 0 } };
      }
      const report = await learn(policy, learned, adapter, run);
      return { metrics: { ...report.metrics, "update/count": 1, "rows/count": learned.length } };
    },
  };
}

// --- internal ---

// Beside each name, that of TRL.
const kNames: OptionNames<SftOptions> = {
  ...learningRateNames,
  groupSize: ["group_size", "num_generations", "n", "samples"],
  minReward: ["threshold", "reward_threshold", "minimum_reward"],
  optimizer: ["optim", "adamw"],
};
const kElsewhere = {
  ...optimizerElsewhere,
  num_train_epochs:
    "an epoch is one pass of yours over the demonstrations, as in sft.trainOn(policy, demonstrations)",
  demonstrations: "they are given to trainOn, as in agl.sft().trainOn(policy, demonstrations)",
};

/** Each of all N answer tokens weighs 1 / N. @throws E_ARGUMENT when there is none */
function toSequences(demonstrations: readonly Demonstration[]) {
  const tokens = demonstrations.reduce(
    (sum, { mask }) => sum + Array.from(mask).reduce((a, b) => a + b, 0),
    0,
  );
  if (tokens === 0) throw argumentError("sft", "at least one token to learn", tokens);
  const sequences = demonstrations.map(({ tokens: ids, mask }) => ({
    tokens: ids,
    weights: Array.from(mask, (counts) => counts / tokens),
  }));
  return { sequences, tokens };
}

function checkDemonstrations(demonstrations: unknown): void {
  if (!Array.isArray(demonstrations)) throw argumentError("sft", "a list of demonstrations", demonstrations);
  for (const [i, demonstration] of demonstrations.entries()) {
    for (const name of ["tokens", "mask"] as const) {
      const values: unknown = demonstration?.[name];
      if (Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView))) continue;
      const remedy = "policy.renderChat(messages).ids gives a dialogue's tokens";
      throw argumentError("sft", `demonstrations[${i}].${name} to be an array of numbers`, values, remedy);
    }
  }
}
