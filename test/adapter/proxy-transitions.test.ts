import { describe, expect, it } from "vitest";
import { toProxyTransitions } from "../../src/adapter/proxy-transitions.js";
import { recorded, reward, span, toSpans } from "./protocol.js";

describe("the recorded proxy cases of the reference", () => {
  it("are 8", () => expect(recorded.proxy.length).toBe(8));

  for (const { seed, spans, expect: expected } of recorded.proxy) {
    it(`seed ${seed}: the same calls, token ids and rewards`, () => {
      const found = toProxyTransitions(toSpans(spans)).map(
        ({ responseId, reward: value, promptIds, responseIds }) => ({
          prompt: promptIds,
          response: responseIds,
          reward: value,
          response_id: responseId,
        }),
      );
      expect(found).toEqual(expected);
    });
  }
});
