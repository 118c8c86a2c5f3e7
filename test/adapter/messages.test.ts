import { describe, expect, it } from "vitest";
import { toMessages } from "../../src/adapter/messages.js";
import { recorded, span, toSpans } from "./protocol.js";

describe("toMessages", () => {
  for (const { seed, spans, expect: expected } of recorded.tracer) {
    it(`seed ${seed}: gives the reference's messages`, () => {
      expect(toMessages(toSpans(spans))).toEqual(expected.messages);
    });
  }

  it("gives back roles, tool calls, tool results and tools", () => {
    const attributes = {
      "gen_ai.prompt.0.role": "system",
      "gen_ai.prompt.0.content": "[not parts]",
      "gen_ai.prompt.1.role": "user",
      "gen_ai.prompt.1.content": '[{"type":"text","text":"2 + 3?"}]',
      "gen_ai.prompt.2.role": "assistant",
      "gen_ai.prompt.2.tool_calls.0.id": "c1",
      "gen_ai.prompt.2.tool_calls.0.name": "add",
      "gen_ai.prompt.2.tool_calls.0.arguments": '{"a": 2,"b":3}',
      "gen_ai.prompt.3.role": "tool",
      "gen_ai.prompt.3.tool_call_id": "c1",
      "gen_ai.prompt.3.content": "5",
      "gen_ai.completion.0.role": "assistant",
      "gen_ai.completion.0.content": "5",
      "gen_ai.request.functions.0.name": "add",
      "gen_ai.request.functions.0.description": "sum",
      "gen_ai.request.functions.0.parameters": '{"type":"object"}',
    };
    const toolCall = { id: "c1", type: "function", function: { name: "add", arguments: '{"a": 2,"b":3}' } };
    expect(toMessages([span({ sequenceId: 1, attributes })])).toEqual([
      {
        messages: [
          { role: "system", content: "[not parts]" },
          { role: "user", content: [{ type: "text", text: "2 + 3?" }] },
          { role: "assistant", content: null, tool_calls: [toolCall] },
          { role: "tool", content: "5", tool_call_id: "c1" },
          { role: "assistant", content: "5" },
        ],
        tools: [
          { type: "function", function: { name: "add", description: "sum", parameters: { type: "object" } } },
        ],
      },
    ]);
  });
});
