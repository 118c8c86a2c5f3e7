import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { credit } from "../../src/credit/index.js";
import type { Credit, CreditGroup } from "../../src/types/credit.js";
import {
  nativeAdvantages,
  observationOf,
  type RecordedRollout,
  randomRollouts,
  recordedCredit,
  slowAdvantages,
  toGroup,
} from "./groups.js";

fc.configureGlobal({ numRuns: 30 });

const anchor = observationOf;
const rules: Readonly<Record<string, Credit>> = {
  broadcast: credit.broadcast(),
  "discounted:1.0": credit.discounted({ gamma: 1 }),
  "discounted:0.9": credit.discounted({ gamma: 0.9 }),
  "gigpo:std": credit.gigpo({ anchor }),
  "gigpo:mean": credit.gigpo({ anchor, scale: "mean" }),
  turnLevel: credit.turnLevel(),
  perAgent: credit.perAgent(),
};
/** Whose numbers move by a constant within each set when all final rewards and parts do. */
const shifting: Readonly<Record<string, Credit>> = {
  broadcast: credit.broadcast(),
  discounted: credit.discounted({ gamma: 1 }),
  gigpo: credit.gigpo({ anchor, gamma: 1 }),
  turnLevel: credit.turnLevel(),
  perAgent: credit.perAgent(),
};
const advantagesOf = (rule: Credit, rollouts: readonly RecordedRollout[]) => nativeAdvantages(rollouts, rule);

function expectNear(a: readonly (readonly number[])[], b: readonly (readonly number[])[], tolerance: number) {
  expect(a.map(({ length }) => length)).toEqual(b.map(({ length }) => length));
  a.flat().forEach((x, i) => {
    expect(Math.abs(x - b.flat()[i]!) <= tolerance, `${x} beside ${b.flat()[i]}`).toBe(true);
  });
}

describe.each(Object.entries(rules))("credit by %s", (name, rule) => {
  it("agrees with the recorded advantages to 1e-9", () => {
    for (const { group, expect: expected } of recordedCredit)
      expectNear(advantagesOf(rule, group), expected[name]!, 1e-9);
  });

  it("is what its terms say, normalised slowly", () => {
    fc.assert(
      fc.property(randomRollouts(), (rollouts) => {
        const group = toGroup(rollouts);
        expectNear(advantagesOf(rule, rollouts), slowAdvantages(group, rule(group)), 1e-9);
      }),
    );
  });

  it("follows the rollouts when their order changes", () => {
    fc.assert(
      fc.property(randomRollouts(), (rollouts) => {
        const backward = advantagesOf(rule, rollouts.toReversed()).toReversed();
        expectNear(advantagesOf(rule, rollouts), backward, 1e-9);
      }),
    );
  });

  it("says as many terms of one kind for every group, whatever it holds", () => {
    const shape = (group: CreditGroup) => rule(group).map(({ of, scale, weight }) => ({ of, scale, weight }));
    fc.assert(
      fc.property(randomRollouts(), randomRollouts(), (a, b) => {
        expect(shape(toGroup(a))).toEqual(shape(toGroup(b)));
      }),
    );
  });
});

describe("credit", () => {
  it("sums to zero within every set of every term", () => {
    fc.assert(
      fc.property(randomRollouts(), fc.constantFrom(...Object.keys(rules)), (rollouts, name) => {
        for (const { of, sets, ...term } of rules[name]!(toGroup(rollouts))) {
          if (term.scale === "none") continue;
          const single: Credit = () => [{ of, sets, ...term, weight: 1 }];
          const values = nativeAdvantages(rollouts, single);
          const flat = of === "call" ? values.flat() : values.map(([first]) => first!);
          for (const set of new Set(sets)) {
            const sum = flat.reduce((total, value, i) => total + (sets[i] === set ? value : 0), 0);
            expect(Math.abs(sum) < 1e-9, `${name}: ${sum}`).toBe(true);
          }
        }
      }),
    );
  });

  it("by agent sums to zero over the rollouts that have the agent's part", () => {
    fc.assert(
      fc.property(randomRollouts(), (rollouts) => {
        const full = rollouts.map((rollout) => ({
          ...rollout,
          steps: ["writer", "checker"].map((agent) => ({ agent, observation: "a", reward: 0 })),
        }));
        const values = advantagesOf(rules.perAgent!, full);
        for (const agent of [0, 1]) {
          const sum = values.reduce((total, calls) => total + calls[agent]!, 0);
          expect(Math.abs(sum) < 1e-9).toBe(true);
        }
      }),
    );
  });

  it.each(Object.entries(shifting))("by %s does not see a shift of the rewards", (_, rule) => {
    fc.assert(
      fc.property(randomRollouts(), fc.integer({ min: -16, max: 16 }), (rollouts, by) => {
        const shifted = rollouts.map((rollout) => ({
          ...rollout,
          reward: rollout.reward + by / 4,
          agents: Object.fromEntries(Object.entries(rollout.agents).map(([k, v]) => [k, v + by / 4])),
        }));
        expectNear(advantagesOf(rule, shifted), advantagesOf(rule, rollouts), 1e-9);
      }),
    );
  });

  it("of rollouts of one call is broadcast's", () => {
    fc.assert(
      fc.property(randomRollouts(1), (rollouts) => {
        const single = rollouts.map(({ reward, steps }, i) => ({
          ...{ reward, agents: { writer: reward, checker: reward } },
          steps: steps.map(() => ({ agent: "writer", observation: `${i}`, reward: 0 })),
        }));
        const expected = advantagesOf(rules.broadcast!, single);
        for (const [name, rule] of Object.entries(rules))
          if (name !== "gigpo:mean") expectNear(advantagesOf(rule, single), expected, 1e-9);
        // One anchor for all: their only call is compared twice.
        const twice = advantagesOf(credit.gigpo({ anchor: () => "", weight: 0.5 }), single);
        expectNear(
          twice,
          expected.map((values) => values.map((value) => 1.5 * value)),
          1e-9,
        );
      }),
    );
  });

  it.each([
    [() => credit.discounted({ gamma: 2 }), "credit.discounted: expected gamma"],
    [() => credit.gigpo({ omega: 2 } as never), "weight"],
    [() => credit.gigpo({ scale: "none" as never }), 'scale to be "std" or "mean"'],
    [() => credit.gigpo({ anchor: "text" as never }), "credit.gigpo: expected anchor to be a function"],
    [() => credit.turnLevel({ weight: Number.NaN }), "credit.turnLevel: expected weight"],
    [() => credit.perAgent({ epsilon: -1 }), "credit.perAgent: expected epsilon"],
  ])("refuses an option by name (%#)", (make, what) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(make).toThrow(what);
  });
});
