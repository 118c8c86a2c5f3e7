import { describe, expect, it } from "vitest";
import { toProxyTransitions } from "../../src/adapter/proxy-transitions.js";
import { parsePythonLiteral } from "../../src/adapter/python-literal.js";
import type { Span } from "../../src/types/span.js";
import { recorded, reward, span, toSpans } from "./protocol.js";

const found = (spans: readonly Span[]) =>
  toProxyTransitions(spans).map(({ responseId, reward: value, promptIds, responseIds }) => ({
    prompt: promptIds,
    response: responseIds,
    reward: value,
    response_id: responseId ?? "",
  }));
const raw = (
  sequenceId: number,
  attributes: Record<string, string | readonly number[]>,
  name = "raw_gen_ai_request",
) => span({ sequenceId, name, attributes });

describe("the recorded proxy cases of the reference", () => {
  it("are 8", () => expect(recorded.proxy.length).toBe(8));

  for (const { seed, spans: records, expect: expected } of recorded.proxy) {
    it(`seed ${seed}: the same calls, token ids and rewards`, () => {
      const spans = toSpans(records);
      const calls = found(spans);
      const rewards = new Map<string, number[]>();
      for (const each of spans.toSorted((a, b) => a.sequenceId - b.sequenceId)) {
        const value = each.attributes["agentlightning.reward.0.value"];
        const id = calls.findLast((call) => placeOf(spans, call.response_id) < each.sequenceId)?.response_id;
        if (typeof value === "number" && id !== undefined)
          rewards.set(id, [...(rewards.get(id) ?? []), value]);
      }
      const differs = [...rewards.values()].some((values) => values.length > 1);
      // Of two rewards after one call the later counts here, and no other call gets one of them.
      const later = expected.map((call) => ({
        ...call,
        reward: rewards.get(call.response_id)?.at(-1) ?? null,
      }));
      expect(calls).toEqual(differs ? later : expected);
    });
  }
});

describe("toProxyTransitions", () => {
  it("gives a call the later of two rewards after it, and none of them to an earlier call", () => {
    const ids = {
      "llm.hosted_vllm.prompt_token_ids": "[1]",
      "llm.hosted_vllm.choices": "[{'token_ids': [2]}]",
    };
    const spans = [raw(1, ids), raw(2, ids), reward(3, 0.25), reward(4, 0.75)];
    expect(found(spans).map((call) => call.reward)).toEqual([null, 0.75]);
  });

  it("takes the ids of litellm_request where there are no raw ones, once for a place", () => {
    const plain = { prompt_token_ids: "[1, 2]", response_token_ids: [3], "gen_ai.response.id": "r" };
    const spans = [raw(1, {}), raw(1, plain, "litellm_request")];
    spans.push(raw(1, { ...plain, "gen_ai.response.id": "s" }, "litellm_request"), reward(1, 0.5));
    expect(found(spans)).toEqual([{ prompt: [1, 2], response: [3], reward: null, response_id: "r" }]);
  });
});

describe("parsePythonLiteral", () => {
  it.each([
    ["[1, -2.5, 1e-3, .5]", [1, -2.5, 1e-3, 0.5]],
    ["{'a': (True, False, None), \"b\": []}", { a: [true, false, null], b: [] }],
    ["'it\\'s\\n\\x41\\u00e9\\U0001F600'", "it's\nA\u00e9\u{1F600}"],
    ['{"json": [true, null,],}', { json: [true, null] }],
  ])("reads %s", (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  it.each(["", "[1", "[1 2]", "{'a' 1}", "'open", "f(1)", "1 + 2", "[1]]", "nan", "[".repeat(5000)])(
    "refuses %.20s",
    (text) => {
      expect(parsePythonLiteral(text)).toBe(undefined);
    },
  );
});

function placeOf(spans: readonly Span[], responseId: string): number {
  const reports = spans.filter(({ attributes }) => attributes["llm.hosted_vllm.id"] === responseId);
  return Math.min(...reports.map(({ sequenceId }) => sequenceId));
}
