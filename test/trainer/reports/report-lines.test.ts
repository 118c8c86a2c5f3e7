import { describe, expect, it } from "vitest";
import { describeEvaluation, describeStep } from "../../../src/trainer/reports/report-lines.js";

const step = {
  step: 4,
  "reward/mean": 0.5,
  "reward/ci95": 0.1,
  "reward/count": 16,
  "groups/dead": 0.25,
  "time/step": 2.04,
  "time/sampling": 1.5,
  "time/training": 0.5,
};

describe("the line of a step", () => {
  it.each([
    ["all is well", {}, "step 5: reward 0.500 ± 0.100, dead groups 0.25, 2.0 s (sampling 1.5, training 0.5)"],
    [
      "rollouts were excluded",
      { "rollouts/excluded": 4, "rollouts/in_doubt": 1, "rollouts/timeout": 3 },
      "4 of 20 rollouts excluded (1 in doubt, 3 timeout)",
    ],
    [
      "an agent's errors were excluded",
      { "rollouts/excluded": 2, "rollouts/error": 2 },
      "2 of 18 rollouts excluded, ",
    ],
    [
      "providers failed",
      { "rollouts/excluded": 2, "rollouts/provider_error": 2 },
      "2 of 18 rollouts excluded (2 provider error)",
    ],
    ["calls were refused", { "calls/refused": 7 }, "7 calls refused"],
    ["calls were not seen", { "calls/unseen": 2 }, "2 calls unseen"],
    [
      "the rate falls",
      { "update/lr": 1e-3, "update/lr_highest": 1e-3, "update/lr_updates": 40 },
      "lr 1e-3, cosine over 40 updates",
    ],
    [
      "the policy was measured",
      { "calls/entropy": 0.48312, "update/kl": 1.23456e-7, "update/grad_norm": 12.3456 },
      "dead groups 0.25, entropy 0.483, KL 1.23e-7, gradient norm 12.3, ",
    ],
  ])("says it when %s", (_, more, said) => {
    expect(describeStep({ ...step, ...more })).toContain(said);
  });

  it.each([
    [undefined, undefined, "step 5: ", "training 0.5)"],
    [{ step: 4, steps: 40 }, 100, "step 5 of 40: ", "training 0.5), ETA 2 min"],
    [{ step: 0, steps: 40 }, 12.2, "step 5 of 44: ", ", ETA 13 s"],
    [{ step: 4, steps: 6 }, 59.5, "step 5 of 6: ", ", ETA 1 min"],
    [{ step: 4, steps: 40 }, 7500, "step 5 of 40: ", ", ETA 2 h 5 min"],
    [{ step: 4, steps: 5 }, 0, "step 5 of 5: ", "training 0.5)"],
  ])("names how far the run %j is, and what it has left", (run, left, begin, end) => {
    const line = describeStep(step, run, left);
    expect(line.startsWith(begin)).toBe(true);
    expect(line.endsWith(end)).toBe(true);
  });

  it("makes up no interval of one task and no groups of an algorithm without them", () => {
    const { "reward/ci95": _, "groups/dead": __, ...rest } = step;
    expect(describeStep(rest)).toBe("step 5: reward 0.500, 2.0 s (sampling 1.5, training 0.5)");
  });
});

describe("the line of an evaluation", () => {
  it("says the reward of what could be used, and what could not", () => {
    const numbers = {
      "reward/mean": 0.75,
      "reward/count": 8,
      "rollouts/excluded": 2,
      "rollouts/no_call": 2,
      "calls/unseen": 2,
    };
    const said =
      "evaluation eval/greedy/ after 1 step: reward 0.750, 2 of 10 rollouts excluded (2 no call), 2 calls unseen";
    expect(describeEvaluation("eval/greedy/", 1, numbers)).toBe(said);
    expect(describeEvaluation("eval/", 3, { "reward/mean": 1 })).toBe(
      "evaluation eval/ after 3 steps: reward 1.000",
    );
  });
});
