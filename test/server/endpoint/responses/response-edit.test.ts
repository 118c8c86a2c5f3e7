import { describe, expect, it } from "vitest";
import { editResponse } from "../../../../src/server/endpoint/responses/response-edit.js";

const hi = { role: "user", content: "hi" };

describe("an edit of a Responses request", () => {
  it("takes the place of instructions and of those at the input's head", () => {
    const head = [{ role: "developer", content: "a" }, { type: "message", role: "system", content: "b" }, hi];
    expect(editResponse({ model: "m", instructions: "c", input: head }, { system: "new" })).toEqual({
      ...{ model: "m", instructions: "new", input: [hi] },
    });
    expect(editResponse({ input: "hi" }, { system: "new", model: "n" })).toEqual({
      model: "n",
      instructions: "new",
      input: "hi",
    });
  });

  it("shows examples behind instructions, calls as items, once in a conversation", () => {
    const examples = [
      { role: "user", content: "1+2" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", function: { name: "add", arguments: { a: 1 } } }],
      },
      { role: "tool", tool_call_id: "c", content: [{ type: "text" as const, text: "3" }] },
    ];
    const lead = { role: "system", content: "a" };
    expect(editResponse({ input: [lead, hi] }, { messages: examples })).toEqual({
      input: [
        lead,
        { role: "user", content: "1+2" },
        { type: "function_call", call_id: "c", name: "add", arguments: '{"a":1}' },
        { type: "function_call_output", call_id: "c", output: "3" },
        hi,
      ],
    });
    const next = { input: [hi], previous_response_id: "resp_1" };
    expect(editResponse(next, { messages: examples })).toEqual(next);
  });
});
