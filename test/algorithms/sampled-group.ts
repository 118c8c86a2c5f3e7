// A group that a policy sampled, as a step has it: every row exact.
import type { Policy } from "../../src/policy/policy.js";
import type { RolloutResult, TaskGroup } from "../../src/types/task-group.js";
import type { Trajectory } from "../../src/types/transition.js";

/** Eight samples of one prompt, rewarded by `reward`, as one group. */
export async function sampledGroup(
  policy: Policy,
  reward: (sample: number) => number,
  task = 0,
): Promise<TaskGroup> {
  const prompt = [0, 1, 2];
  const choices = await policy.sample({ prompt, n: 8, maxTokens: 5, seed: task, ignoreEos: true });
  const rollouts = choices.map((choice, sample): RolloutResult => {
    const tokens = [...prompt, ...choice.tokens];
    const trajectory: Trajectory = {
      rolloutId: `ro-${task}-${sample}`,
      attemptId: "at-0",
      agent: "*",
      tokens,
      mask: tokens.slice(1).map((_, i) => (i + 1 >= prompt.length ? 1 : 0)),
      sampledLogprobs: [...prompt.slice(1).map(() => 0), ...choice.logprobs],
      temperature: 1,
      adapter: choice.adapter,
      transitions: [
        {
          ...{
            rolloutId: `ro-${task}-${sample}`,
            attemptId: "at-0",
            spanId: `sp-${task}-${sample}`,
            order: 0,
            responseId: null,
            agent: "*",
          },
          ...{
            promptIds: prompt,
            responseIds: [...choice.tokens],
            logprobs: [...choice.logprobs],
            temperature: 1,
          },
          ...{ adapter: choice.adapter, version: choice.version, arithmetic: choice.arithmetic },
          ...{ finishReason: choice.finishReason, reward: null },
        },
      ],
    };
    return {
      ...{
        rolloutId: trajectory.rolloutId,
        attemptId: "at-0",
        task,
        sample,
        outcome: "ok",
        reward: reward(sample),
      },
      ...{
        error: null,
        parts: { agent: reward(sample) },
        trajectories: [trajectory],
        modelCalls: 1,
        refusedCalls: 0,
        unseenCalls: 0,
        traceUploads: 0,
        seconds: 0,
      },
    };
  });
  return { task, input: task, rollouts };
}
