import { expect, it } from "vitest";
import { scripted } from "./scripted-policy.js";

const parameters = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
const tool = { type: "function", function: { name: "add", parameters } };
const asked = [{ role: "user", content: "hi" }];

const demands: readonly (readonly [path: string, body: Record<string, unknown>, says: unknown])[] = [
  [
    "/v1/messages",
    {
      ...{ model: "m", max_tokens: 9, messages: asked, tool_choice: { type: "any" } },
      tools: [{ name: "add", input_schema: parameters }],
    },
    { stop_reason: "max_tokens", content: [{ type: "tool_use", name: "add", input: {} }] },
  ],
  [
    "/v1beta/models/m:generateContent",
    {
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      tools: [{ functionDeclarations: [{ name: "add", parametersJsonSchema: parameters }] }],
      toolConfig: { functionCallingConfig: { mode: "ANY" } },
    },
    {
      candidates: [
        { finishReason: "MAX_TOKENS", content: { parts: [{ functionCall: { name: "add", args: {} } }] } },
      ],
    },
  ],
  [
    "/v1/chat/completions",
    { model: "m", messages: asked, tools: [tool], tool_choice: "required" },
    {
      choices: [
        {
          finish_reason: "length",
          message: { tool_calls: [{ function: { name: "add", arguments: '{"a": 1' } }] },
        },
      ],
    },
  ],
];

it.each(demands)("a demanded call that the limit cuts is told as far as %s can", async (path, body, says) => {
  const policy = scripted([{ cut: '<tool_call>\n{"name": "add", "arguments": {"a": 1' }], 1024);
  const { status, json } = await policy.post(body, path);
  expect([status, json]).toMatchObject([200, says]);
});

it("a stream whose demanded call was cut ends as others do", async () => {
  const [path, body] = demands[0]!;
  const policy = scripted([{ cut: '<tool_call>\n{"name": "add", "arguments": {"a": 1' }], 1024);
  const response = await policy.send({ ...body, stream: true }, path);
  const text = await response.text();
  expect(text).toContain('"stop_reason":"max_tokens"');
  expect(text).not.toContain("event: error");
  expect(policy.calls).toHaveLength(1);
});
