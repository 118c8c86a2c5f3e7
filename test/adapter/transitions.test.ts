import { describe, expect, it } from "vitest";
import { type TransitionOptions, toTransitions } from "../../src/adapter/transitions.js";
import type { Span } from "../../src/types/span.js";
import type { Transition } from "../../src/types/transition.js";
import { recorded, reward, span, type Triplet, toSpans } from "./protocol.js";

const configurations: Readonly<Record<string, TransitionOptions>> = {
  default: {},
  no_repair: { repairHierarchy: false },
  sibling: { rewardMatch: "first-sibling" },
  agent_write: { agentMatch: /write/ },
  agent_any_name: { agentMatch: /write|check/ },
  llm_any: { callMatch: /openai\.chat\.completion|chat_model\.llm/ },
  with_llm_in_reward: { excludeCallsInReward: false },
};

const toTriplet = ({ responseId, agent, reward: value, promptIds, responseIds }: Transition): Triplet => ({
  response_id: responseId ?? "",
  agent,
  reward: value,
  prompt: promptIds,
  response: responseIds,
});
const withoutReward = ({ reward: _, ...rest }: Triplet) => rest;

/** Rewards by target call, in the order given: more than one for a call is where we differ from the reference on purpose. */
function targets(spans: readonly Span[], calls: readonly Transition[]): Map<string, number[]> {
  const bySpan = new Map(spans.map((each) => [each.spanId, each]));
  const ends = calls.map(({ responseId, spanId }) => ({
    responseId: responseId ?? "",
    at: bySpan.get(spanId)!,
  }));
  const byStart = ends.toSorted((a, b) => a.at.startTime - b.at.startTime);
  const found = new Map<string, number[]>();
  for (const each of spans.toSorted((a, b) => a.startTime - b.startTime)) {
    const value = each.attributes["agentlightning.reward.0.value"];
    if (typeof value !== "number") continue;
    const call = byStart.findLast(
      ({ at }) => at.startTime <= each.startTime && at.endTime! <= each.startTime,
    );
    if (call !== undefined) found.set(call.responseId, [...(found.get(call.responseId) ?? []), value]);
  }
  return found;
}

describe("the recorded cases of the reference", () => {
  it("are 24", () => expect(recorded.tracer.length).toBe(24));

  for (const { seed, spans: records, expect: expected } of recorded.tracer) {
    for (const [name, options] of Object.entries(configurations)) {
      it(`seed ${seed}, ${name}: the same calls, agents, token ids and rewards in the same order`, () => {
        const spans = toSpans(records);
        const calls = toTransitions(spans, { ...options, order: "tree" });
        const found = calls.map(toTriplet);
        const wanted = expected[name]!;
        expect(found.map(withoutReward)).toEqual(wanted.map(withoutReward));
        const rewards = targets(spans, calls);
        const differs = name !== "sibling" && [...rewards.values()].some((values) => values.length > 1);
        // Of two rewards after one call the later counts here, and no other call gets one of them.
        const later = wanted.map((each) => ({
          ...each,
          reward: rewards.get(each.response_id)?.at(-1) ?? null,
        }));
        expect(found).toEqual(differs ? later : wanted);
      });
    }
  }
});

describe("toTransitions", () => {
  it("gives a call the later of two rewards after it, and none of them to an earlier call", () => {
    const spans = [span({ sequenceId: 1 }), span({ sequenceId: 2 }), reward(3, 0.25), reward(4, 0.75)];
    for (const rewardMatch of ["first-occurrence", "first-sibling"] as const)
      expect(toTransitions(spans, { rewardMatch }).map((each) => each.reward)).toEqual([null, 0.75]);
  });

  it("counts a call span that bears an agent's name itself among that agent's calls", () => {
    const own = span({ sequenceId: 1, attributes: { "agent.name": "writer" } });
    const spans = [own, span({ sequenceId: 2 })];
    expect(toTransitions(spans, { agentMatch: /write/ }).map(({ agent, spanId }) => [agent, spanId])).toEqual(
      [["writer", own.spanId]],
    );
    expect(toTransitions(spans).map(({ agent }) => agent)).toEqual(["writer", "*"]);
  });

  it("takes the endpoint's own span for the call, whoever else reports it and wherever that stands", () => {
    const id = { "gen_ai.response.id": "chatcmpl-1" };
    const ids = { prompt_token_ids: [1], response_token_ids: [2] };
    const client = span({ sequenceId: 1, attributes: { ...id, ...ids } });
    const inner = span({ sequenceId: 2, parentId: client.spanId, attributes: {} });
    const own = span({
      sequenceId: 3,
      parentId: client.spanId,
      attributes: { ...id, ...ids, "agentlightning.dialect": "openai.chat.completion" },
    });
    const late = span({ sequenceId: 4, attributes: id });
    for (const spans of [
      [client, inner, own, late],
      [late, own, inner, client],
    ])
      expect(toTransitions(spans).map(({ spanId }) => spanId)).toEqual([own.spanId]);
    expect(toTransitions([client, late]).map(({ spanId }) => spanId)).toEqual([client.spanId]);
  });

  it("lists calls in the order of the attempt, though the tree has another", () => {
    const agent = span({
      sequenceId: 4,
      name: "agentlightning.operation",
      attributes: { "agent.name": "a" },
    });
    const spans = [
      span({ sequenceId: 2 }),
      agent,
      span({ sequenceId: 1, parentId: agent.spanId }),
      span({ sequenceId: 3 }),
    ];
    expect(toTransitions(spans).map(({ spanId }) => Number(spanId))).toEqual([1, 2, 3]);
    expect(toTransitions(spans, { order: "tree" }).map(({ spanId }) => Number(spanId))).toEqual([2, 1, 3]);
  });

  it("reads our attributes, and a provider's log-probabilities where those are absent", () => {
    const ids = { prompt_token_ids: [1, 2], response_token_ids: [3, 4] };
    const ours = {
      ...ids,
      "agentlightning.response_logprobs": [-0.5, -0.1],
      "agentlightning.adapter": "main",
      "agentlightning.version": 6,
      "agentlightning.versions": [6, 7],
      "agentlightning.arithmetic": "f32.1",
      "agentlightning.temperature": 0.7,
      "gen_ai.request.temperature": 0,
    };
    const content = JSON.stringify([
      { token: "a", logprob: -0.3 },
      { token: "b", logprob: -0.2 },
    ]);
    const theirs = { ...ids, "logprobs.content": content, "gen_ai.request.temperature": 0.5 };
    const short = { ...ids, "agentlightning.response_logprobs": [-0.5] };
    const found = toTransitions(
      [ours, theirs, short].map((attributes, i) => span({ sequenceId: i + 1, attributes })),
    );
    expect(found.map(({ logprobs }) => logprobs)).toEqual([[-0.5, -0.1], [-0.3, -0.2], null]);
    expect(found.map(({ temperature }) => temperature)).toEqual([0.7, 0.5, 1]);
    expect(found.map(({ adapter, version, arithmetic }) => [adapter, version, arithmetic])).toEqual([
      ["main", 6, "f32.1"],
      [null, null, null],
      [null, null, null],
    ]);
    expect(found.map(({ versions }) => versions)).toEqual([[6, 7], undefined, undefined]);
  });

  it("numbers calls in the order in which they began, whichever ended first and however they are listed", () => {
    const at = (sequenceId: number, startTime: number) => span({ sequenceId, startTime, endTime: 90 });
    const spans = [at(1, 20), at(2, 10), at(3, 20), at(4, 5)];
    const ordersOf = (listed: readonly Span[]) =>
      toTransitions(listed, { repairHierarchy: false }).map(({ order }) => order);
    expect(ordersOf(spans)).toEqual([2, 1, 3, 0]);
    expect(ordersOf(spans.toReversed())).toEqual([2, 1, 3, 0]);
  });

  it("finds nothing in no spans, and survives spans that are each other's parents", () => {
    expect(toTransitions([])).toEqual([]);
    const [a, b] = ["a", "b"].map((id) => id.repeat(16));
    const spans = [
      span({ sequenceId: 1, spanId: a!, parentId: b! }),
      span({ sequenceId: 2, spanId: b!, parentId: a! }),
    ];
    expect(toTransitions([span({ sequenceId: 3 }), ...spans], { repairHierarchy: false }).length).toBe(2);
  });

  it("moves a call that lost its context below the shortest longer span around it, never below the root", () => {
    const at = (startTime: number, endTime: number) => ({ startTime, endTime });
    const root = span({ sequenceId: 1, name: "root", ...at(0, 100), attributes: { "agent.name": "root" } });
    const below = { name: "agent", parentId: root.spanId };
    const outer = span({ ...below, sequenceId: 2, ...at(10, 90), attributes: { "agent.name": "outer" } });
    const inner = span({ ...below, sequenceId: 3, ...at(20, 40), attributes: { "agent.name": "inner" } });
    const call = (sequenceId: number, startTime: number, endTime: number, parentId: string) =>
      span({ sequenceId, startTime, endTime, parentId });
    const agents = (...spans: readonly Span[]) => toTransitions(spans).map(({ agent }) => agent);
    const lost = [call(4, 25, 30, root.spanId), call(5, 20, 40, root.spanId), call(6, 95, 99, root.spanId)];
    expect(agents(root, outer, inner, ...lost)).toEqual(["inner", "outer", "root"]);
    expect(agents(root, outer, call(4, 92, 95, outer.spanId), call(5, 93, 96, outer.spanId))).toEqual([
      "outer",
      "outer",
    ]);
  });
});
