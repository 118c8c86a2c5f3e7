import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familyOf, type ToolCallFamily } from "../../../src/policy/tool-calls/call-forms.js";
import { parseToolCalls } from "../../../src/policy/tool-calls/parse-tool-calls.js";
import type { ToolCallInput, ToolDefinition } from "../../../src/types/chat.js";
import { openTemplate, publicTemplates, sourceOf } from "./chat-templates.js";

interface Case {
  readonly calls: readonly ToolCallInput[];
  readonly tools: readonly ToolDefinition[];
}

/** Tags of every family, quotes, escapes, line ends, and characters of all planes. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(
        ...[
          "<tool_call>",
          "</tool_call>",
          "</function>",
          "<parameter=a>",
          "</parameter>",
          "<function=f>",
          "<",
        ],
        ...[
          "[TOOL_CALLS]",
          "[ARGS]",
          "[CALL_ID]",
          "<｜tool▁call▁end｜>",
          "<｜tool▁sep｜>",
          "```",
          "```json\n",
        ],
        ...[
          "\n",
          "\n\n",
          '"',
          "'",
          "\\",
          "{",
          "}",
          "]",
          ";",
          "True",
          "null",
          "1.0",
          "</think>",
          "<|python_tag|>",
        ],
      ),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(""));
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    ...[anyText, fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true })],
    ...[fc.boolean(), fc.constant(null), fc.array(tie("value"), { maxLength: 3 })],
    fc.dictionary(anyText, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const anyName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_-]{0,20}$/);
const anyId = fc.stringMatching(/^[a-zA-Z0-9]{9}$/);

const jsonCase: fc.Arbitrary<Case> = fc
  .uniqueArray(
    fc.record({
      id: anyId,
      name: anyName,
      args: fc.dictionary(anyText, anyValue, { maxKeys: 4, noNullPrototype: true }),
    }),
    { minLength: 1, maxLength: 4, selector: ({ id }) => id },
  )
  .map((calls) => ({
    calls: calls.map(({ id, name, args }) => toCall(id, name, args)),
    tools: calls.map(({ name }) => toTool(name, {})),
  }));

/** Values that the schema tells apart: text of any kind, but for what only the end of a value looks like. */
const typed = fc.oneof(
  anyText
    .filter((text) => !/<\/parameter>\s*(?:<parameter=|<\/function>)/.test(`${text}\n</parameter`))
    .map((value) => ({ type: "string", value: value as unknown })),
  fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map((value) => ({ type: "number", value })),
  fc.boolean().map((value) => ({ type: "boolean", value })),
  fc.constant({ type: "null", value: null }),
  fc.array(anyValue, { maxLength: 3 }).map((value) => ({ type: "array", value })),
  fc
    .dictionary(anyText, anyValue, { maxKeys: 3, noNullPrototype: true })
    .map((value) => ({ type: "object", value })),
);
const typedCase: fc.Arbitrary<Case> = fc
  .uniqueArray(
    fc.record({
      id: anyId,
      name: anyName,
      args: fc.dictionary(fc.stringMatching(/^[\p{L}\d_.-]{1,12}$/u), typed, {
        maxKeys: 4,
        noNullPrototype: true,
      }),
    }),
    { minLength: 1, maxLength: 4, selector: ({ name }) => name },
  )
  .map((calls) => ({
    calls: calls.map(({ id, name, args }) =>
      toCall(
        id,
        name,
        mapValues(args, ({ value }) => value),
      ),
    ),
    tools: calls.map(({ name, args }) =>
      toTool(
        name,
        mapValues(args, ({ type }) => ({ type })),
      ),
    ),
  }));

function toCall(id: string, name: string, args: object): ToolCallInput {
  return { id, type: "function", function: { name, arguments: JSON.stringify(args) } };
}

function toTool(name: string, properties: object): ToolDefinition {
  return {
    type: "function",
    function: { name, description: "d", parameters: { type: "object", properties } },
  };
}

function mapValues<From, To>(
  from: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, map(value)]));
}

const said = (calls: readonly ToolCallInput[]) =>
  calls.map((call) => ({ name: call.function.name, arguments: JSON.parse(String(call.function.arguments)) }));

describe("calls as a public chat template writes them", () => {
  it.each(publicTemplates)("are read back as they were: $name", (template) => {
    const answers = openTemplate(template);
    const { family } = template;
    fc.assert(
      fc.property(family === "qwen-xml" ? typedCase : jsonCase, ({ calls: all, tools }) => {
        const calls = all.slice(0, template.most);
        const text = answers.write(calls, tools);
        const parsed = parseToolCalls(text, { family, tools, inThought: false });
        expect(said(parsed.toolCalls)).toEqual(said(calls));
        expect(parsed.malformed).toBeUndefined();
        if (["mistral-v3", "mistral-v11"].includes(family))
          expect(parsed.toolCalls.map(({ id }) => id)).toEqual(calls.map(({ id }) => id));
      }),
      { numRuns: 150 },
    );
  });

  it.each(publicTemplates)("tell the family by the template's source: $name", (template) => {
    expect(familyOf(sourceOf(template))).toBe(template.family);
  });
});

describe("what begins like a call and is none", () => {
  const calls = "<｜tool▁calls▁begin｜>";
  const call = `${calls}<｜tool▁call▁begin｜>`;
  const malformed: [family: ToolCallFamily, what: string, text: string][] = [
    ["qwen-xml", "no name", "<tool_call>\n<function=>\n</function>\n</tool_call>"],
    [
      "qwen-xml",
      "a parameter that does not end",
      "<tool_call><function=f><parameter=a>\n1\n</function></tool_call>",
    ],
    ["qwen-xml", "a function that does not end", "<tool_call>\n<function=f>\n</tool_call>"],
    ["qwen-xml", "JSON", '<tool_call>{"name": "f", "arguments": {}}</tool_call>'],
    ["llama", "a built-in tool's call", '<|python_tag|>search.call(query="a")'],
    ["llama", "a call with more behind it", '<|python_tag|>{"name": "f", "parameters": {}} or so'],
    ["mistral-v3", "an empty list", "[TOOL_CALLS][]"],
    ["mistral-v3", "a list that does not end", '[TOOL_CALLS][{"name": "f", "arguments": {}}'],
    [
      "mistral-v3",
      "one good call and one without a name",
      '[TOOL_CALLS][{"name": "f", "arguments": {}}, {}]',
    ],
    ["mistral-v11", "no arguments", "[TOOL_CALLS]f[CALL_ID]Aa0Bb1Cc2"],
    ["mistral-v13", "no name", "[TOOL_CALLS][ARGS]{}"],
    ["mistral-v13", "arguments that are no object", "[TOOL_CALLS]f[ARGS][1]"],
    ["deepseek-v3", "no fence", `${call}function<｜tool▁sep｜>f\n{}<｜tool▁call▁end｜>`],
    ["deepseek-v3", "no calls", `${calls}<｜tool▁calls▁end｜>`],
    ["deepseek-v3.1", "no end", `${call}f<｜tool▁sep｜>{}`],
    ["deepseek-v3.1", "no name", `${call}<｜tool▁sep｜>{}<｜tool▁call▁end｜>`],
  ];
  it.each(malformed)("stays text, and is counted: %s, %s", (family, _, text) => {
    const marks = text.startsWith("<tool_call>") && text.includes("<function=") ? 2 : 1;
    expect(parseToolCalls(text, { family })).toEqual({ content: text, toolCalls: [], malformed: marks });
  });

  it.each([
    ["an object that names no tool", '{"name": "Ann", "parameters": {}}'],
    ["an object behind other words", 'See {"name": "f", "parameters": {}}'],
    ["an object before other words", '{"name": "f", "parameters": {}} it is'],
    ["an object in a thought", '<think>{"name": "f", "parameters": {}}</think>No.'],
  ])("is no call of Llama's: %s", (_, text) => {
    const parsed = parseToolCalls(text, { family: "llama", tools: [toTool("f", {})] });
    expect(parsed).toEqual({ content: text, toolCalls: [] });
  });

  it("leaves Llama's call behind a thought a call", () => {
    const text =
      '<think>So.</think>\n{"type": "function", "name": "f", "parameters": {"a": 1}}; {"name": "f", "parameters": {}}';
    const { content, toolCalls } = parseToolCalls(text, { family: "llama", tools: [toTool("f", {})] });
    expect([content, toolCalls.map((each) => each.function.arguments)]).toEqual([
      "<think>So.</think>",
      ['{"a": 1}', "{}"],
    ]);
  });
});

describe("values without quotes", () => {
  const parameters = {
    $defs: { size: { enum: ["s", 1] } },
    type: "object",
    properties: {
      text: { type: "string" },
      number: { type: ["integer", "null"] },
      either: { anyOf: [{ type: "string" }, { type: "number" }] },
      size: { $ref: "#/$defs/size" },
      any: {},
    },
    additionalProperties: { type: "boolean" },
  };
  it.each([
    ["text", "5", '"5"'],
    ["text", " null\n", '" null\\n"'],
    ["number", "5", "5"],
    ["number", "None", "null"],
    ["number", "five", '"five"'],
    ["either", "5", "5"],
    ["either", "true", '"true"'],
    ["size", "1", "1"],
    ["size", "s", '"s"'],
    ["any", "[1]", '"[1]"'],
    ["other", "True", "true"],
  ])("are typed by the schema: %s, %j", (name, written, json) => {
    const text = `<tool_call>\n<function=f>\n<parameter=${name}>\n${written}\n</parameter>\n</function>\n</tool_call>`;
    const tools: ToolDefinition[] = [{ type: "function", function: { name: "f", parameters } }];
    const [call] = parseToolCalls(text, { family: "qwen-xml", tools }).toolCalls;
    expect(call?.function.arguments).toBe(`{"${name}": ${json}}`);
  });
});
