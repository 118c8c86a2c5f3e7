import { describe, expect, it } from "vitest";
import { hermes } from "../../../src/policy/tool-calls/hermes.js";
import { endOfAnswer } from "../../../src/server/endpoint/answer-end.js";

const call = { name: "add", arguments: '{"a": 1}' };
const end = "<|im_end|>";
const reader = { form: hermes, tools: [] };

describe("the end of an answer", () => {
  it.each([
    ["its content", "hello", [], "hello"],
    ["its content, trimmed", "\n hello \n", [], "hello"],
    ["its content, with the white space behind it that was sampled", "hello \n", [], "hello \n"],
    ["a call, its JSON spaced anew", "", [call], '<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>'],
    [
      "a call, its keys in another order",
      "",
      [call],
      '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>',
    ],
    [
      "content and a call",
      "So",
      [call],
      'So\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    ],
    ["nothing", "", [], ""],
  ])("is behind %s", (_what, content, calls, written) => {
    expect(endOfAnswer(written + end, { content, calls }, reader)).toBe(written.length);
  });

  it.each([
    ["other content", "hello", [], "hell"],
    ["other letters", "hello", [], "HELLO"],
    ["another call", "", [call], '<tool_call>{"name": "sub", "arguments": {"a": 1}}</tool_call>'],
    ["other arguments", "", [call], '<tool_call>{"name": "add", "arguments": {"a": 2}}</tool_call>'],
    ["one call of two", "", [call, call], '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'],
    ["no call", "So", [call], "So"],
    ["a call of another form", "", [call], '{"name": "add", "arguments": {"a": 1}}'],
  ])("is nowhere where the text says something else: %s", (_what, content, calls, written) => {
    expect(endOfAnswer(written + end, { content, calls }, reader)).toBe(undefined);
  });
});
