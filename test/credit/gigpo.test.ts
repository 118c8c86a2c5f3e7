// What a call is compared with by default: by hand, on conversations.
import { describe, expect, it } from "vitest";
import { credit } from "../../src/credit/index.js";
import type { ChatMessage } from "../../src/types/chat.js";
import type { CreditCall, CreditGroup } from "../../src/types/credit.js";

const says = (role: string, content: string): ChatMessage => ({ role, content });
const [system, user] = [says("system", "be brief"), says("user", "open the door")];

function call(spanId: string, messages: readonly ChatMessage[], agent = "*"): CreditCall {
  return { ...{ spanId, agent, adapter: null, reward: null, promptIds: [], responseIds: [] }, messages };
}

function groupOf(...calls_G: readonly (readonly CreditCall[])[]): CreditGroup {
  const rollouts = calls_G.map((calls, sample) => ({
    ...{ rolloutId: `ro-${sample}`, sample, reward: sample, parts: {} },
    calls,
  }));
  return { task: 0, input: null, rollouts };
}

const setsOf = (group: CreditGroup) => credit.gigpo()(group)[1]!.sets;

describe("credit.gigpo's anchor", () => {
  it("is what was added since the agent's previous call, its own answer left out", () => {
    const answered = (answer: string, told: string) => [
      ...[system, user, says("assistant", answer)],
      says("tool", told),
    ];
    const one = [call("0", [system, user]), call("1", answered("pull", "it is locked"))];
    const two = [call("2", [system, user]), call("3", answered("push", "it is locked"))];
    const three = [call("4", [system, user]), call("5", answered("push", "it opens"))];
    expect(setsOf(groupOf(one, two, three))).toEqual([0, 1, 0, 1, 0, 2]);
  });

  it("tells apart the agents that are told the same, each by its own previous call", () => {
    const shared = [system, user];
    const one = [call("0", shared, "planner"), call("1", shared, "coder"), call("2", shared, "coder")];
    const sets = setsOf(groupOf(one, [call("3", shared, "planner")]));
    expect(sets[0]).toBe(sets[3]);
    expect(sets[0]).not.toBe(sets[1]);
  });

  it("is the whole prompt where an agent begins anew, and its last message where nothing was added", () => {
    const fresh = [says("user", "room 3")];
    const one = [call("0", [says("user", "room 1")]), call("1", fresh), call("2", fresh)];
    expect(setsOf(groupOf(one, [call("3", fresh)]))).toEqual([0, 1, 1, 1]);
  });

  it("is none where no messages were recorded: such calls are compared with nothing", () => {
    expect(setsOf(groupOf([call("0", []), call("1", [])], [call("2", [])]))).toEqual([0, 1, 2]);
  });

  it("may be named: by what stood before, or null", () => {
    const rule = credit.gigpo({
      anchor: ({ spanId }, before) => (spanId === "1" ? null : `${before.length}`),
    });
    const [, term] = rule(groupOf([call("0", [user]), call("1", [user])], [call("2", [user])]));
    expect(term?.sets).toEqual([0, 1, 0]);
  });
});

describe("credit.gigpo by hand", () => {
  // Two rollouts, rewards 0 and 1. Both begin before "start"; one sees "a" once more. gamma 0.5.
  //   episodes 0, 1: centred -0.5, +0.5.   returns: [0, 0] and [0.5, 1]
  //   bucket start {0, 0.5}: -0.25, +0.25.   bucket a {0, 1}: -0.5, +0.5
  it("adds the episode and the bucket", () => {
    const group = groupOf(
      [call("0", [says("user", "start")]), call("1", [says("user", "a")])],
      [call("2", [says("user", "start")]), call("3", [says("user", "a")])],
    );
    const terms = credit.gigpo({ gamma: 0.5, scale: "mean", weight: 2 })(group);
    expect(terms).toEqual([
      { of: "rollout", values: [0, 1], sets: [0, 0], scale: "mean", weight: 1 },
      { of: "call", values: [0, 0, 0.5, 1], sets: [0, 1, 0, 1], scale: "mean", weight: 2 },
    ]);
  });
});

describe("credit.perAgent", () => {
  it("leaves out a rollout without the agent's part, and gives its calls nothing", () => {
    const parts: readonly Record<string, number>[] = [{ planner: 1 }, { planner: 0 }, { coder: 5 }];
    const calls = [call("0", [user], "planner")];
    const rollouts = parts.map((own, sample) => ({
      ...{ rolloutId: `${sample}`, sample, reward: 0, calls },
      parts: own,
    }));
    const [term] = credit.perAgent({ scale: "mean" })({ task: 0, input: null, rollouts });
    expect(term?.values).toEqual([0.5, -0.5, Number.NaN]);
  });

  it("does not take what every object has for a part", () => {
    const calls = [call("0", [user], "toString")];
    const rollouts = [0, 1].map((sample) => ({ rolloutId: "r", sample, reward: 0, parts: {}, calls }));
    const [term] = credit.perAgent()({ task: 0, input: null, rollouts });
    expect(term?.values).toEqual([Number.NaN, Number.NaN]);
  });
});
