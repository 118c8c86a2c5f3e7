// Groups written by hand, and a policy that computes nothing: it notes what it is asked, so that tests see what an algorithm hands to it.
import type { LossSequence } from "../../src/policy/losses/loss-inputs.js";
import type { PolicyLoss } from "../../src/policy/losses/policy-loss.js";
import type { OptimStepOptions, Policy } from "../../src/policy/policy.js";
import type { RolloutResult, TaskGroup } from "../../src/types/task-group.js";
import type { Trajectory, Transition } from "../../src/types/transition.js";

/** One call of two prompt tokens and two that were sampled. */
export function writtenCall(id: string, changes: Partial<Transition> = {}): Transition {
  return {
    ...{ rolloutId: id, attemptId: "at-0", spanId: "0", order: 0, responseId: null, agent: "*" },
    ...{ promptIds: [1, 2], responseIds: [3, 4], logprobs: [-0.1, -0.2], temperature: 1 },
    ...{ adapter: "default", version: 0, arithmetic: "f32", finishReason: "stop", reward: null },
    ...changes,
  };
}

/** Two prompt tokens, two that were sampled. */
export function writtenRow(id: string, changes: Partial<Trajectory & Transition> = {}): Trajectory {
  const { temperature = 1, adapter = "default", version = 0, arithmetic = "f32" } = changes;
  const transition: Transition = {
    ...writtenCall(id, { temperature, adapter, version, arithmetic }),
    ...(changes.versions === undefined ? {} : { versions: changes.versions }),
    ...(changes.forced === undefined ? {} : { forced: changes.forced }),
  };
  return {
    ...{
      rolloutId: id,
      attemptId: "at-0",
      agent: "*",
      tokens: [1, 2, 3, 4],
      mask: changes.mask ?? [0, 1, 1],
    },
    sampledLogprobs: changes.sampledLogprobs === undefined ? [0, -0.1, -0.2] : changes.sampledLogprobs,
    ...{ temperature, adapter, transitions: changes.transitions ?? [transition] },
  };
}

/** One rollout for each reward, each of one row. */
export function writtenGroup(
  task: number,
  rewards: readonly number[],
  rows: (id: string, sample: number) => readonly Trajectory[] = (id) => [writtenRow(id)],
): TaskGroup {
  const rollouts = rewards.map((reward, sample): RolloutResult => {
    const rolloutId = `ro-${task}-${sample}`;
    return {
      ...{
        rolloutId,
        attemptId: "at-0",
        task,
        sample,
        outcome: "ok",
        reward,
        error: null,
        parts: { agent: reward },
      },
      ...{ trajectories: rows(rolloutId, sample), modelCalls: 1, refusedCalls: 0, unseenCalls: 0 },
      ...{ traceUploads: 0, seconds: 0 },
    };
  });
  return { task, input: task, rollouts };
}

export interface Asked {
  readonly scored: { readonly rows: number; readonly adapter?: string; readonly temperature?: number }[];
  readonly passes: {
    readonly sequences: readonly LossSequence[];
    readonly loss: PolicyLoss;
    readonly adapter?: string;
    readonly temperature?: number;
  }[];
  readonly steps: OptimStepOptions[];
}

/** @param logprob  of every token that is scored, by adapter */
export function notingPolicy(logprob: (adapter: string | undefined) => number = () => -0.5): {
  readonly policy: Policy;
  readonly asked: Asked;
} {
  const asked: Asked = { scored: [], passes: [], steps: [] };
  const policy = {
    config: { hidden: 64 },
    adapters: ["default", "other"],
    arithmetic: "f32",
    version: () => 0,
    zeroGradients: async () => undefined,
    async score(
      sequences: readonly (readonly number[])[],
      options: { adapter?: string; temperature?: number },
    ) {
      asked.scored.push({ rows: sequences.length, ...options });
      return sequences.map((tokens) => ({ logprobs: tokens.slice(1).map(() => logprob(options.adapter)) }));
    },
    async forwardBackward(sequences: readonly LossSequence[], loss: PolicyLoss, options: object) {
      asked.passes.push({ sequences, loss, ...options });
      const numbers = { tokens: 2 * sequences.length, ratioMean: 1, klOld: 0, clipLow: 0 };
      return { loss: 0.25, metrics: numbers };
    },
    async optimStep(options: OptimStepOptions) {
      asked.steps.push(options);
      return { gradNorm: 2 };
    },
  };
  return { policy: policy as unknown as Policy, asked };
}
