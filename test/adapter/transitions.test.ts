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

describe("the recorded cases of the reference", () => {
  it("are 24", () => expect(recorded.tracer.length).toBe(24));

  for (const { seed, spans, expect: expected } of recorded.tracer) {
    for (const [name, options] of Object.entries(configurations)) {
      it(`seed ${seed}, ${name}: the same calls, agents and token ids in the same order`, () => {
        const found = toTransitions(toSpans(spans), { ...options, order: "tree" }).map(toTriplet);
        expect(found).toEqual(expected[name]);
        expect(found.map(withoutReward)).toEqual(expected[name]!.map(withoutReward));
      });
    }
  }
});
