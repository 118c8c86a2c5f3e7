// The contract of a learning algorithm: it reads the groups of one step and changes the policy. It never runs an agent.
import type { Json } from "../base/json-value.js";
import type { Policy } from "../policy/policy.js";
import type { TaskGroup } from "../types/task-group.js";

export interface Algorithm {
  readonly name: string;
  /** What its updates change; nothing for one that only looks. */
  readonly trains: readonly "weights"[];
  /** Rollouts of each task in a training step. */
  readonly groupSize: number;
  /** Called once before the first step: refuses what it cannot train. @throws E_ARGUMENT, E_STATE */
  prepare?(context: PrepareContext): void;
  /** Called before a step's rollouts: refuses what its update would refuse whatever they bring. @throws E_ARGUMENT */
  check?(context: StepContext): void;
  /**
   * One step of one adapter; a step of several trained adapters calls it once for each, in the order of their names.
   * @throws E_EXACTNESS when sampler and trainer disagree, E_NONFINITE; the weights are then those of the last whole update
   */
  update(context: UpdateContext): Promise<UpdateReport>;
  /** What it counts from step to step, by adapter where adapters differ, for a checkpoint. */
  state?(): Json;
  /** Goes on from what `state` gave. */
  restore?(state: Json): void;
}

export interface PrepareContext {
  readonly policy: Policy;
  /** Those that are trained, or "base" alone for train: "all". */
  readonly adapters: readonly string[];
}

/** A step before its rollouts. */
export interface StepContext {
  readonly policy: Policy;
  /** The adapter that is trained, or "base" for train: "all". */
  readonly adapter: string;
  /** From 0. */
  readonly step: number;
  /** Where the run is known to end: schedules fall over it. */
  readonly run?: RunPlace;
}

export interface UpdateContext extends StepContext {
  /** By task; rollouts by sample. */
  readonly groups: readonly TaskGroup[];
  /** Whether to measure after the last update how far it moved the policy on the step's rows (`update/kl`, `update/ratio_*`): a pass. */
  readonly measure?: boolean;
}

/** A step's place in a run of known length, such as `trainer.fit` over a list. */
export interface RunPlace {
  /** From 0, in the run. */
  readonly step: number;
  readonly steps: number;
}

export interface UpdateReport {
  /** By name, as they appear in metrics.jsonl. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What each model call of the step was worth, by span id, where the algorithm says so. */
  readonly advantages?: Readonly<Record<string, number>>;
}
