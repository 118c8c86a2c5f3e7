import { describe, expect, it } from "vitest";
import type { ModelCall } from "../../../src/server/endpoint/answer-call.js";
import { toCallSpan } from "../../../src/server/endpoint/call-span.js";
import { scripted, tokenizer } from "./scripted-policy.js";

async function attributesOf(body: Record<string, unknown>) {
  const policy = scripted(["hello"]);
  await policy.post({ model: "m", messages: [{ role: "user", content: "hi" }], ...body });
  return toCallSpan(policy.calls[0] as ModelCall, tokenizer).attributes;
}

describe("the span of a call", () => {
  it("names what the request asked for and did not get", async () => {
    const asked = { temperature: 0, top_p: 0, top_k: 5, min_p: 0.1, max_tokens: 64 };
    expect(await attributesOf(asked)).toMatchObject({
      "agentlightning.replaced.temperature": 0,
      "agentlightning.replaced.top_p": 0,
      "agentlightning.replaced.top_k": 5,
      "agentlightning.replaced.min_p": 0.1,
    });
    const got = await attributesOf({ temperature: 1, top_p: 1, top_k: -1, min_p: 0 });
    expect(Object.keys(got).filter((name) => name.includes("replaced"))).toEqual([]);
  });

  it("names the fields that nothing knows, and is silent where there are none", async () => {
    const messages = [{ role: "user", content: "hi", mood: 1 }];
    expect(await attributesOf({ messages, wobble: 1 })).toMatchObject({
      "agentlightning.ignored": ["wobble", "messages[].mood"],
    });
    expect(await attributesOf({ user: "u", seed: 1 })).not.toHaveProperty("agentlightning.ignored");
  });

  it("has the thought of a message where the prompt has it", async () => {
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "a", reasoning_content: "why" },
      { role: "user", content: "b" },
    ];
    expect((await attributesOf({ messages }))["gen_ai.prompt.1.content"]).toBe("<think>\nwhy\n</think>\n\na");
  });
});
