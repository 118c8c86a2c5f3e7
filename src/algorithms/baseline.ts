// No learning: runs the agent and reports, to see that agent, tasks and rewards work and where they stand.
//   differences: none; there is no paper
import { checkInteger } from "../base/check.js";
import { checkOptions } from "../base/options.js";
import type { Algorithm } from "./algorithm.js";

export interface BaselineOptions {
  /** Rollouts of each task. Default 1. */
  readonly groupSize?: number;
}

/** @throws E_ARGUMENT */
export function baseline(options: BaselineOptions = {}): Algorithm {
  checkOptions<BaselineOptions>("baseline", options, {
    groupSize: ["group_size", "num_generations", "n", "samples"],
  });
  const groupSize = checkInteger("baseline", "groupSize", options.groupSize ?? 1, { min: 1 });
  return { name: "baseline", trains: [], groupSize, update: async () => ({ metrics: {} }) };
}
