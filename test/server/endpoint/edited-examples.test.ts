// Examples that call tools, as prompt optimisation puts them before a call: read back, they are the examples.
import { expect, it } from "vitest";
import { anthropicDialect } from "../../../src/server/endpoint/anthropic/anthropic-dialect.js";
import { googleDialect } from "../../../src/server/endpoint/google/google-dialect.js";
import { createItemMemory } from "../../../src/server/endpoint/item-memory.js";
import { wireRequest } from "./wire-request.js";

const call = { id: "c1", type: "function" as const, function: { name: "add", arguments: '{"a":1}' } };
const examples = [
  { role: "user", content: "1 and 1" },
  { role: "assistant", content: null, tool_calls: [call] },
  { role: "tool", tool_call_id: "c1", content: "2" },
  { role: "assistant", content: "Two." },
];
const edits = { system: "Be kind.", messages: examples, model: "other" };
const said = [{ role: "system", content: "Be kind." }, ...examples, { role: "user", content: "hi" }];

it("Anthropic's, with the model where the body names it", () => {
  const body = {
    model: "m",
    system: [{ type: "text", text: "Be brief." }],
    messages: [{ role: "user", content: "hi" }],
  };
  const read = (edited: unknown) =>
    anthropicDialect.parse(wireRequest("/v1/messages", edited), createItemMemory());
  expect(read(anthropicDialect.edit(body, edits))).toMatchObject({ model: "other", messages: said });
  const { model: _, ...nameless } = body;
  expect(anthropicDialect.edit(nameless, edits)).not.toHaveProperty("model");
});

it("Google's, whose calls have no ids of their own, in either spelling of the instructions", () => {
  const contents = [{ role: "user", parts: [{ text: "hi" }] }];
  for (const lead of ["systemInstruction", "system_instruction"]) {
    const body = { contents, [lead]: { parts: [{ text: "Be brief." }] } };
    const edited = googleDialect.edit(body, edits);
    const { messages, model } = googleDialect.parse(
      wireRequest("/v1/models/g:generateContent", edited),
      createItemMemory(),
    );
    expect(JSON.parse(JSON.stringify(messages).replaceAll("call_0", "c1"))).toEqual(said);
    expect(model).toBe("g");
  }
});
