import { expect, it } from "vitest";
import { broadcast } from "../../src/credit/broadcast.js";
import type { CreditRollout } from "../../src/types/credit.js";

const rollout = (reward: number, sample: number): CreditRollout => ({
  ...{ rolloutId: `ro-${sample}`, sample, reward, parts: { agent: reward }, calls: [] },
});

it("broadcast gives one number for each rollout, all in one set, and leaves their comparison to the algorithm", () => {
  const group = { task: 3, input: "t", rollouts: [rollout(0.5, 0), rollout(1, 2), rollout(-2, 3)] };
  expect(broadcast()(group)).toEqual([{ of: "rollout", values: [0.5, 1, -2], sets: [0, 0, 0], weight: 1 }]);
});
