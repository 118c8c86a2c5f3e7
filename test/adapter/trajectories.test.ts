import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toTrajectories } from "../../src/adapter/trajectories.js";
import { toTransitions } from "../../src/adapter/transitions.js";
import type { Transition } from "../../src/types/transition.js";
import { span } from "./protocol.js";

function call(
  promptIds: readonly number[],
  responseIds: readonly number[],
  fields: Partial<Transition> = {},
): Transition {
  const [plain] = toTransitions([span({ sequenceId: 1 })]);
  return { ...plain!, promptIds, responseIds, logprobs: responseIds.map((id) => -id / 8), ...fields };
}
const rowsOf = (...calls: readonly Transition[]) =>
  toTrajectories(calls).map(({ tokens, mask }) => [tokens, mask]);

describe("toTrajectories", () => {
  it("merges a call whose prompt starts with the prompt and response before it", () => {
    const [row, ...others] = toTrajectories([call([1, 2], [3]), call([1, 2, 3, 4, 5], [6, 7])]);
    expect(others).toEqual([]);
    expect(row!.tokens).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(row!.mask).toEqual([0, 1, 0, 0, 1, 1]);
    expect(row!.sampledLogprobs).toEqual([0, -3 / 8, 0, 0, -6 / 8, -7 / 8]);
    expect(row!.transitions.length).toBe(2);
  });

  it("a token that a grammar forced is not in the mask and keeps its log-probability", () => {
    const [row] = toTrajectories([
      call([1, 2], [3, 4], { forced: [0] }),
      call([1, 2, 3, 4], [5, 6], { forced: [1] }),
    ]);
    expect(row!.mask).toEqual([0, 0, 1, 1, 0]);
    expect(row!.sampledLogprobs).toEqual([0, -3 / 8, -4 / 8, -5 / 8, -6 / 8]);
  });

  it("merges a prompt that equals prompt and response, with nothing between", () => {
    expect(rowsOf(call([1], [2]), call([1, 2], [3]))).toEqual([
      [
        [1, 2, 3],
        [1, 1],
      ],
    ]);
  });

  it("does not take the response for part of the prompt: a prompt shorter than the context opens a row", () => {
    expect(rowsOf(call([1, 2], [3, 4]), call([1, 2, 3], [4, 5])).length).toBe(2);
  });

  it("keeps one changed token apart", () => {
    expect(rowsOf(call([1, 2], [3]), call([1, 2, 4, 5], [6])).length).toBe(2);
  });

  it.each([
    { agent: "other" },
    { adapter: "other" },
    { temperature: 0.5 },
    { attemptId: "at-1" },
    { rolloutId: "ro-1" },
  ])("does not merge across %o", (fields) => {
    expect(rowsOf(call([1], [2]), call([1, 2, 3], [4], fields)).length).toBe(2);
  });

  it("keeps calls of equal prompts, and continues the one that the next prompt continues", () => {
    const calls = [call([1], [2]), call([1], [3]), call([1], [2]), call([1, 3, 4], [5])];
    expect(rowsOf(...calls).map(([tokens]) => tokens)).toEqual([
      [1, 2],
      [1, 3, 4, 5],
      [1, 2],
    ]);
  });

  it("leaves out calls without ids, and log-probabilities of a row of which one call has none", () => {
    expect(rowsOf(call([], [1]), call([1], []))).toEqual([]);
    const [row] = toTrajectories([call([1], [2]), call([1, 2], [3], { logprobs: null })]);
    expect(row!.sampledLogprobs).toBe(null);
  });

  it("passes every token id through, with mask 1 exactly on those sampled", () => {
    const ids = fc.array(fc.nat(3), { minLength: 1, maxLength: 3 });
    const turn = fc.record({ extra: ids, response: ids, continues: fc.boolean() });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 8 }), (turns) => {
        let context: number[] = [];
        const calls = turns.map(({ extra, response, continues }) => {
          const prompt = continues ? [...context, ...extra] : extra;
          context = [...prompt, ...response];
          return call(prompt, response);
        });
        const rows = toTrajectories(calls);
        expect(rows.flatMap(({ transitions }) => transitions).length).toBe(calls.length);
        for (const { tokens, mask, transitions } of rows) {
          expect(mask.length).toBe(tokens.length - 1);
          const expected = Array<number>(tokens.length).fill(0);
          for (const { promptIds, responseIds } of transitions) {
            const end = promptIds.length + responseIds.length;
            expect(tokens.slice(0, end)).toEqual([...promptIds, ...responseIds]);
            expected.fill(1, promptIds.length, end);
          }
          expect([0, ...mask]).toEqual(expected);
        }
      }),
    );
  });
});
