// Turn-level credit: a call's own reward among the calls of its place, and the outcome.   MT-GRPO, arXiv:2505.11821
//   A_t = weight z(r_t among calls of index t) + z(final)
// Differences from the paper: every turn has its term, not the first alone; a turn whose siblings all earned the same adds 0.
import { checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Credit } from "../types/credit.js";
import { checkScale, type TermScale, termScaleNames } from "./term-scale.js";

export interface TurnLevelOptions {
  /** Of the turn's own reward. Default 1. */
  readonly weight?: number;
  /** Of both terms: "std" (default) or "mean". */
  readonly scale?: TermScale;
}

/** For rewards of calls: those emitted after one, and process rewards. @throws E_ARGUMENT naming the option */
export function turnLevel(options: TurnLevelOptions = {}): Credit {
  const who = "credit.turnLevel";
  checkOptions(who, options, kNames);
  const weight = checkNumber(who, "weight", options.weight ?? 1);
  const scale = checkScale(who, options.scale);
  return ({ rollouts }) => [
    {
      of: "call",
      values: rollouts.flatMap(({ calls }) => calls.map(({ reward }) => reward ?? 0)),
      sets: rollouts.flatMap(({ calls }) => [...calls.keys()]),
      ...{ scale, weight },
    },
    {
      of: "rollout",
      values: rollouts.map(({ reward }) => reward),
      sets: rollouts.map(() => 0),
      ...{ scale, weight: 1 },
    },
  ];
}

// --- internal ---

const kNames: OptionNames<TurnLevelOptions> = {
  weight: ["lambda", "turn_weight", "coefficient"],
  ...termScaleNames,
};
