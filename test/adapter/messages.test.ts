import { describe, expect, it } from "vitest";
import { toMessages } from "../../src/adapter/messages.js";
import { recorded, span, toSpans } from "./protocol.js";

describe("toMessages", () => {
  for (const { seed, spans, expect: expected } of recorded.tracer) {
    it(`seed ${seed}: gives the reference's messages`, () => {
      expect(toMessages(toSpans(spans))).toEqual(expected.messages);
    });
  }
});
