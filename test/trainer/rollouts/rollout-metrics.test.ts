import { describe, expect, it } from "vitest";
import { philox4x32 } from "../../../src/base/philox.js";
import { entropyMetrics, rolloutMetrics } from "../../../src/trainer/rollouts/rollout-metrics.js";
import type { RolloutOutcome, RolloutResult } from "../../../src/types/task-group.js";
import type { Trajectory, Transition } from "../../../src/types/transition.js";

interface Given {
  readonly outcome?: RolloutOutcome;
  readonly calls?: readonly Partial<Transition>[];
}

function rollout(task: number, sample: number, reward: number | null, given: Given = {}): RolloutResult {
  const transitions = (given.calls ?? []).map((call) => call as Transition);
  return {
    ...{ rolloutId: `ro-${task}-${sample}`, attemptId: "at-0", task, sample, reward },
    outcome: given.outcome ?? (reward === null ? "no-call" : "ok"),
    ...{
      error: null,
      parts: {},
      trajectories: [{ transitions } as unknown as Trajectory],
      modelCalls: 1,
      refusedCalls: 0,
      unseenCalls: 0,
      traceUploads: 0,
      seconds: 0,
    },
  };
}
const metricsOf = (results: readonly RolloutResult[]) =>
  rolloutMetrics(results.map((result) => ({ result, spans: [] })));
const ofGroups = (rewards_P_G: readonly (readonly (number | null)[])[]) =>
  rewards_P_G.flatMap((rewards_G, task) => rewards_G.map((reward, i) => rollout(task, i, reward)));

describe("the confidence interval of the reward", () => {
  it.each([
    // Siblings that are copies count once: P = 4, means 1 0 1 0.
    [
      "copies",
      [
        [1, 1, 1],
        [0, 0, 0],
        [1, 1, 1],
        [0, 0, 0],
      ],
      1.96 * Math.sqrt(1 / 3 / 4),
    ],
    ["one rollout a task", [[1], [0], [1], [0]], 1.96 * Math.sqrt(1 / 3 / 4)],
    [
      "groups of one mean",
      [
        [0, 1],
        [1, 0],
        [0, 1],
      ],
      0,
    ],
    ["groups of several sizes", [[1, 1, 1], [0]], (1.96 * Math.sqrt(2 * (0.75 ** 2 + 0.75 ** 2))) / 4],
    [
      "rollouts that were excluded",
      [
        [1, null],
        [0, null],
        [null, null],
      ],
      1.96 * Math.sqrt(1 / 2 / 2),
    ],
  ] as const)("counts tasks, not rollouts: %s", (_, rewards, expected) => {
    expect(metricsOf(ofGroups(rewards))["reward/ci95"]).toBeCloseTo(expected, 12);
  });

  it.each([
    ["one task", [[1, 0, 1, 0]]],
    [
      "one task that is left",
      [
        [1, 0],
        [null, null],
      ],
    ],
  ] as const)("is absent for %s, of which nothing about others follows", (_, rewards) => {
    expect(metricsOf(ofGroups(rewards))).not.toHaveProperty("reward/ci95");
  });

  it("holds the true mean in about 95 of 100 runs whose siblings are nearly alike (fixed seed; odds of a false alarm 1e-4)", () => {
    const bits = new Uint32Array(4);
    let draws = 0;
    const uniform = () => {
      philox4x32([draws++, 0, 0, 0], 7, 11, bits);
      return Number(bits[0]) / 2 ** 32;
    };
    let held = 0;
    for (let run = 0; run < 400; run++) {
      const results = Array.from({ length: 40 }, (_, task) => {
        const likely = uniform();
        return Array.from({ length: 8 }, (_, i) => rollout(task, i, uniform() < likely ** 8 ? 0 : likely));
      }).flat();
      const { "reward/mean": mean = 0, "reward/ci95": width = 0 } = metricsOf(results);
      // E[u (1 - u^8)] = 1/2 - 1/10
      if (Math.abs(mean - 0.4) <= width) held += 1;
    }
    // Binomial of 400 at 0.94: 376, standard deviation 4.7.
    expect(held).toBeGreaterThan(357);
    expect(held).toBeLessThan(397);
  });
});

describe("the numbers of a batch", () => {
  const outcomes: readonly (readonly [RolloutOutcome, string])[] = [
    ["timeout", "rollouts/timeout"],
    ["cancelled", "rollouts/cancelled"],
    ["provider-error", "rollouts/provider_error"],
    ["no-call", "rollouts/no_call"],
    ["no-reward", "rollouts/no_reward"],
    ["bad-reward", "rollouts/bad_reward"],
    ["unscored", "rollouts/unscored"],
  ];
  it.each(outcomes)("count %s beside all that are excluded", (outcome, name) => {
    const metrics = metricsOf([
      rollout(0, 0, 1),
      rollout(0, 1, null, { outcome }),
      rollout(1, 0, null, { outcome }),
    ]);
    expect(metrics).toMatchObject({
      [name]: 2,
      "rollouts/excluded": 2,
      "rollouts/ok": 1,
      "reward/mean": 1,
      "reward/count": 1,
    });
  });

  it("say how rewards are spread", () => {
    const metrics = metricsOf(ofGroups([[9, 1, 2, 3, 4, 5, 6, 7, 8, 0]]));
    expect(metrics).toMatchObject({
      "reward/mean": 4.5,
      "reward/p10": 1,
      "reward/p90": 9,
      "reward/count": 10,
    });
    expect(metrics["reward/std"]).toBeCloseTo(Math.sqrt(8.25), 12);
    expect(metricsOf(ofGroups([[3]]))).toMatchObject({ "reward/p10": 3, "reward/p90": 3, "reward/std": 0 });
    expect(metricsOf(ofGroups([[null]]))).toMatchObject({ "reward/count": 0, "calls/per_rollout": 0 });
    expect(metricsOf([])).toMatchObject({ "calls/per_rollout": 0, "rollouts/ok": 0 });
  });

  it("are sums and means over calls", () => {
    const callOf = (prompt: number, response: number, finishReason: string) =>
      ({
        ...{ promptIds: Array(prompt).fill(1), responseIds: Array(response).fill(1), finishReason },
      }) as unknown as Partial<Transition>;
    const errors = [
      rollout(0, 0, 0, { outcome: "error", calls: [callOf(2, 1, "stop"), callOf(4, 3, "length")] }),
      rollout(0, 1, 1, { calls: [callOf(6, 5, "stop"), callOf(8, 7, "stop")] }),
      rollout(1, 0, null, { outcome: "in-doubt" }),
    ].map((result, i) => ({ ...result, refusedCalls: i, unseenCalls: 2 * i, traceUploads: 3 * i }));
    expect(metricsOf(errors)).toMatchObject({
      ...{ "rollouts/error": 1, "rollouts/ok": 1, "rollouts/in_doubt": 1, "rollouts/excluded": 1 },
      ...{ "calls/per_rollout": 4 / 3, "calls/prompt_tokens": 5, "calls/response_tokens": 4 },
      ...{ "calls/truncated": 0.25, "calls/refused": 3, "calls/unseen": 6, "calls/trace_uploads": 9 },
    });
  });

  it("give no reward where nothing earned one, instead of a zero that nobody earned", () => {
    const results = ofGroups([[null, null]]);
    expect(metricsOf(results)).not.toHaveProperty("reward/mean");
    expect(
      metricsOf(
        ofGroups([
          [1, null],
          [0.5, null],
        ]),
      )["reward/mean"],
    ).toBe(0.75);
  });

  it("estimate the entropy over every sampled token, whatever its group earned, and over no provider's", () => {
    const sampled = (logprobs: readonly number[] | null, adapter: string | null = "base") => ({
      logprobs,
      adapter,
    });
    const results = [
      rollout(0, 0, 1, { calls: [sampled([-1, -3]), sampled([-2])] }),
      rollout(1, 0, null, { calls: [sampled([-6])] }),
      rollout(1, 1, 1, { calls: [sampled([-50], null), sampled(null)] }),
      // A token that a grammar forced says nothing of what the policy would have chosen.
      rollout(2, 0, 1, { calls: [{ ...sampled([-40, -3]), forced: [0] }] }),
    ];
    expect(entropyMetrics(results)).toEqual({ "calls/entropy": 3 });
    expect(entropyMetrics([rollout(0, 0, 1)])).toEqual({});
  });
});

describe("what spans say of calls", () => {
  it("is counted: breaks, and answers to calls with fields that nothing knows", () => {
    const span = (attributes: object) => ({ attributes }) as never;
    const rollouts = [
      { result: rollout(0, 0, 1), spans: [span({ "agentlightning.ignored": ["a", "b"] }), span({})] },
      {
        result: rollout(0, 1, 1),
        spans: [
          span({
            "agentlightning.ignored": ["a"],
            "agentlightning.prefix": "break",
            "agentlightning.break": "thought",
          }),
          span({ "agentlightning.prefix": "extends", "agentlightning.malformed_calls": 2 }),
        ],
      },
    ];
    expect(rolloutMetrics(rollouts)).toMatchObject({
      "calls/ignored": 2,
      "calls/malformed": 1,
      "rows/breaks": 1,
      "rows/breaks/thought": 1,
    });
  });

  it("weighs the mass of constraints by the tokens that were a choice; without constraints there is none", () => {
    const constrained = (mass: number, choices: number) =>
      ({
        attributes: { "agentlightning.constraint.mass": mass, "agentlightning.constraint.choices": choices },
      }) as never;
    const rollouts = [
      { result: rollout(0, 0, 1), spans: [constrained(0.5, 3), { attributes: {} } as never] },
      { result: rollout(0, 1, 1), spans: [constrained(0.9, 1)] },
    ];
    expect(rolloutMetrics(rollouts)["constraint/mass"]).toBeCloseTo(0.6, 12);
    const halves = [{ "agentlightning.constraint.choices": 3 }, { "agentlightning.constraint.mass": 0.5 }];
    const spans = halves.map((attributes) => ({ attributes }) as never);
    const half = rolloutMetrics([{ result: rollout(0, 0, 1), spans }, ...rollouts]);
    expect(half["constraint/mass"]).toBeCloseTo(0.6, 12);
    expect(rolloutMetrics([{ result: rollout(0, 0, 1), spans: [] }])).not.toHaveProperty("constraint/mass");
  });
});
