import { describe, expect, it } from "vitest";
import { nearest } from "../../src/base/nearest.js";

const KNOWN = ["maxTokens", "temperature", "top_p", "stream", "groupSize", "lr", "tools", "tool_choice"];

describe("the nearest known name", () => {
  it.each([
    ["max_tokens", "maxTokens"],
    ["MAX-TOKENS", "maxTokens"],
    ["max tokens", "maxTokens"],
    ["topP", "top_p"],
    ["toolChoice", "tool_choice"],
    ["LR", "lr"],
    ["max_token", "maxTokens"],
    ["temprature", "temperature"],
    ["tempreature", "temperature"],
    ["steram", "stream"],
    ["groupSizes", "groupSize"],
    ["tool_choise", "tool_choice"],
    ["tolos", "tools"],
  ])("of %s is %s", (name, known) => {
    expect(nearest(name, KNOWN)).toBe(known);
  });

  it.each(["verbosity", "service_tier", "r", "l", "", "_", "to", "temp", "top_a_lot", "t".repeat(100_000)])(
    "of %.20s is none",
    (name) => {
      expect(nearest(name, KNOWN)).toBeUndefined();
    },
  );

  it("prefers the same words to a smaller slip, the smaller slip to the larger, and then the first", () => {
    expect(nearest("top_k", ["topp_k", "top_p", "topK"])).toBe("topK");
    expect(nearest("max_tokns", ["min_tokens", "max_tokens"])).toBe("max_tokens");
    expect(nearest("tope", ["topk", "topp"])).toBe("topk");
  });

  it("goes as far as it is told", () => {
    expect(nearest("adptr", ["adapter"])).toBeUndefined();
    expect(nearest("adptr", ["adapter"], 0.4)).toBe("adapter");
  });
});
