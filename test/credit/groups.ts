// Groups for laws of credit: recorded ones, random ones, and a slow normaliser written from the contract of CreditTerm.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { compareBy } from "../../src/algorithms/credited-calls.js";
import { toRows } from "../../src/algorithms/rows.js";
import type { Credit, CreditCall, CreditGroup, CreditRollout, CreditTerm } from "../../src/types/credit.js";
import { writtenCall, writtenGroup, writtenRow } from "../algorithms/written-rows.js";

export interface RecordedStep {
  readonly agent: string;
  readonly observation: string;
  readonly reward: number;
}

export interface RecordedRollout {
  readonly reward: number;
  readonly agents: Readonly<Record<string, number>>;
  readonly steps: readonly RecordedStep[];
}

interface RecordedCredit {
  readonly group: readonly RecordedRollout[];
  readonly expect: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** Computed in float64 by another implementation from the papers' formulas. */
export const recordedCredit: readonly RecordedCredit[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/rl/credit.json"), "utf8"),
);

/** Anchors that a test names stand in the only message. */
export function toGroup(rollouts: readonly RecordedRollout[]): CreditGroup {
  return { task: 0, input: "task", rollouts: rollouts.map(toRollout) };
}

/** What stands in a recorded call's message. */
export function observationOf({ messages }: CreditCall): string {
  return String(messages[0]?.content);
}

/** Of each rollout's calls, as the trainer has them: native, by GRPO's own baseline and scale. */
export function nativeAdvantages(rollouts: readonly RecordedRollout[], credit: Credit): number[][] {
  const messages = new Map(
    toGroup(rollouts).rollouts.flatMap(({ calls }) => calls.map((c) => [c.spanId, c.messages])),
  );
  const rewards = rollouts.map(({ reward }) => reward);
  const group = writtenGroup(0, rewards, (id, sample) =>
    (rollouts[sample]?.steps ?? []).map(({ agent, reward }, order) => {
      const call = writtenCall(id, { spanId: `${sample}.${order}`, order, agent, reward });
      return writtenRow(id, { transitions: [call] });
    }),
  );
  const withParts = group.rollouts.map((one, i) => ({
    ...one,
    parts: { ...rollouts[i]?.agents, ...one.parts },
  }));
  const { advantages } = toRows(
    [{ ...group, rollouts: withParts, messagesOf: (spanId) => messages.get(spanId) ?? [] }],
    { adapter: "default", credit, compare: compareBy({}), dead: "count" },
  );
  return rollouts.map(({ steps }, sample) => steps.map((_, i) => advantages[`${sample}.${i}`] ?? Number.NaN));
}

/** Of each rollout's calls, from terms, as their contract says; `own` is the algorithm's scale, GRPO's by default. */
export function slowAdvantages(
  { rollouts }: CreditGroup,
  terms: readonly CreditTerm[],
  own: "std" | "mean" = "std",
): number[][] {
  const sums = rollouts.map(({ calls }) => calls.map(() => 0));
  for (const { of, values, sets, scale = own, weight } of terms) {
    const normalised = values.map((value, i) => {
      if (scale === "none") return Number.isNaN(value) ? 0 : value;
      const set = values.filter((other, j) => sets[j] === sets[i] && !Number.isNaN(other));
      if (Number.isNaN(value) || set.length < 2 || set.every((other) => other === set[0])) return 0;
      const mean = set.reduce((a, b) => a + b, 0) / set.length;
      const variance = set.reduce((sum, other) => sum + (other - mean) ** 2, 0) / (set.length - 1);
      return (value - mean) / (scale === "std" ? Math.sqrt(variance) + 1e-6 : 1);
    });
    let at = 0;
    sums.forEach((sum, r) => {
      sum.forEach((_, c) => {
        sum[c]! += weight * normalised[of === "rollout" ? r : at]!;
        at += 1;
      });
    });
  }
  return sums;
}

/** Rewards in steps of an eighth, so that sums and means of them are exact and equal ones are met. */
const reward = fc.integer({ min: -8, max: 8 }).map((x) => x / 8);
const step = fc.record({
  agent: fc.constantFrom("writer", "checker"),
  observation: fc.constantFrom("start", "a", "b"),
  reward,
});

export function randomRollouts(maxSteps = 4): fc.Arbitrary<RecordedRollout[]> {
  const steps = fc.array(step, { minLength: 1, maxLength: maxSteps });
  const agents = fc.record({ writer: reward, checker: reward });
  return fc.array(fc.record({ reward, agents, steps }), { minLength: 2, maxLength: 6 });
}

// --- internal ---

function toRollout({ reward, agents, steps }: RecordedRollout, sample: number): CreditRollout {
  return {
    ...{ rolloutId: `ro-${sample}`, sample, reward, parts: { ...agents, agent: reward } },
    calls: steps.map(({ agent, observation, reward: own }, i) => ({
      ...{ spanId: `${sample}.${i}`, agent, adapter: "policy", reward: own, promptIds: [], responseIds: [] },
      messages: [{ role: "user", content: observation }],
    })),
  };
}
