import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseToolCalls } from "../../src/policy/tool-calls.js";

const space = fc.stringMatching(/^[ \n\t]{0,3}$/);
const plainText = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("<", ""));

/** A well-formed call: its text, and the name and arguments in it. */
const anyCall = fc
  .record({
    name: fc.string({ minLength: 1 }),
    args: fc.dictionary(fc.string(), fc.jsonValue()),
    indent: fc.constantFrom(undefined, 2, "\t"),
    spaces: fc.tuple(space, space, space),
  })
  .map(({ name, args, indent, spaces: [a, b, c] }) => {
    const json = JSON.stringify(args, null, indent);
    const text = `<tool_call>${a}{"name":${b}${JSON.stringify(name)},"arguments":${b}${json}${c}}${a}</tool_call>`;
    return { text, name, arguments: json };
  });

function namesAndArguments(text: string) {
  return parseToolCalls(text).toolCalls.map((call) => call.function);
}

const add = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>';

describe("tool calls", () => {
  it("are read from among text, numbered in order", () => {
    expect(parseToolCalls(`Adding.\n${add}\n${add}\nDone.`)).toEqual({
      content: "Adding.\nDone.",
      toolCalls: [
        { id: "call_0", type: "function", function: { name: "add", arguments: '{"a": 1}' } },
        { id: "call_1", type: "function", function: { name: "add", arguments: '{"a": 1}' } },
      ],
    });
  });

  it("leave null as content where there is nothing else", () => {
    expect(parseToolCalls(`\n${add} \n${add}\n`).content).toBeNull();
  });

  it("leave the white space that does not touch them", () => {
    expect(parseToolCalls(`\n a \n${add}\n b \n${add}\n c \n`).content).toBe("\n a\nb\nc \n");
  });

  it("take their ids from the caller's prefix, the same each time", () => {
    const parse = () => parseToolCalls(add + add, { idPrefix: "r7-2-" });
    expect(parse().toolCalls.map(({ id }) => id)).toEqual(["r7-2-0", "r7-2-1"]);
    expect(parse()).toEqual(parse());
  });

  it("keep the text of their arguments as sampled: spacing, number spelling, key order, repeats", () => {
    const args = '{ "2":1.0,"1" : 1E+2,\n"x": "\\u00e9é", "x":[ ] }';
    expect(namesAndArguments(`<tool_call>{"arguments":${args} ,"name":"f"}</tool_call>`)).toEqual([
      { name: "f", arguments: args },
    ]);
  });

  it("may give their arguments as a JSON string that holds an object", () => {
    const args = '{"a": 1.0}';
    const call = `<tool_call>{"name": "f", "arguments": ${JSON.stringify(args)}}</tool_call>`;
    expect(namesAndArguments(call)).toEqual([{ name: "f", arguments: args }]);
  });

  it("may hold tags inside their strings", () => {
    const args = '{"a": "</tool_call><tool_call>{}"}';
    expect(namesAndArguments(`<tool_call>{"name": "f", "arguments": ${args}}</tool_call>`)).toEqual([
      { name: "f", arguments: args },
    ]);
  });
});

describe("what is not a well-formed call", () => {
  const malformed: [what: string, text: string][] = [
    ["an unclosed tag", '<tool_call>{"name": "f", "arguments": {}}'],
    ["a tag closed by half", '<tool_call>{"name": "f", "arguments": {}}</tool_call'],
    ["a call cut off in its JSON", '<tool_call>{"name": "f", "argum'],
    ["no JSON", "<tool_call>f(1)</tool_call>"],
    ["JSON that is no object", '<tool_call>["f", {}]</tool_call>'],
    ["JSON and more", '<tool_call>{"name": "f", "arguments": {}} f</tool_call>'],
    ["two objects", '<tool_call>{"name": "f", "arguments": {}}{}</tool_call>'],
    ["a trailing comma", '<tool_call>{"name": "f", "arguments": {},}</tool_call>'],
    ["single quotes", "<tool_call>{'name': 'f', 'arguments': {}}</tool_call>"],
    ["no name", '<tool_call>{"arguments": {}}</tool_call>'],
    ["an empty name", '<tool_call>{"name": "", "arguments": {}}</tool_call>'],
    ["a name that is no string", '<tool_call>{"name": 7, "arguments": {}}</tool_call>'],
    ["null for a name", '<tool_call>{"name": null, "arguments": {}}</tool_call>'],
    ["no arguments", '<tool_call>{"name": "f"}</tool_call>'],
    ["a list of arguments", '<tool_call>{"name": "f", "arguments": [1]}</tool_call>'],
    ["null for arguments", '<tool_call>{"name": "f", "arguments": null}</tool_call>'],
    ["arguments in a string that holds no object", '<tool_call>{"name": "f", "arguments": "1"}</tool_call>'],
    ["a closing tag alone", "</tool_call>"],
  ];
  for (const [what, text] of malformed) {
    it(`stays text: ${what}`, () => {
      expect(parseToolCalls(` ${text} `)).toEqual({ content: ` ${text} `, toolCalls: [] });
      expect(parseToolCalls(`${text}\n${add}`)).toEqual({
        content: text,
        toolCalls: parseToolCalls(add).toolCalls,
      });
    });
  }
});

describe("any text", () => {
  it("is parsed without an error", () => {
    const tags = [
      "<tool_call>",
      "</tool_call>",
      '{"name":"f","arguments":',
      "{",
      "}",
      '"',
      "\\",
      "[[[[",
      "\ud83d",
    ];
    const text = fc.array(fc.oneof(fc.constantFrom(...tags), fc.string())).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, (text) => {
        const { content, toolCalls } = parseToolCalls(text);
        expect(typeof content === "string" || toolCalls.length > 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(parseToolCalls(`<tool_call>${'{"a":'.repeat(100_000)}`).toolCalls).toEqual([]);
  });

  it("without a tag comes back unchanged, white space and emptiness included", () => {
    fc.assert(
      fc.property(fc.oneof(plainText, space), (text) => {
        expect(parseToolCalls(text)).toEqual({ content: text, toolCalls: [] });
      }),
    );
  });

  it("with calls in it gives just these calls, in order, with their own arguments", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(plainText, anyCall)), (pieces) => {
        const text = pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");
        const calls = pieces.filter((piece) => typeof piece !== "string");
        expect(namesAndArguments(text)).toEqual(calls.map(({ text: _, ...call }) => call));
      }),
    );
  });

  it("before and after a call parses as it does alone, but for white space at the call", () => {
    const text = fc
      .array(
        fc.oneof(
          plainText,
          anyCall.map((call) => call.text),
        ),
      )
      .map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, anyCall, text, (before, call, after) => {
        const whole = parseToolCalls(before + call.text + after);
        const [left, right] = [parseToolCalls(before), parseToolCalls(after)];
        const contents = [left.content?.trimEnd(), right.content?.trimStart()].filter(Boolean);
        expect(whole.content).toBe(contents.length === 0 ? null : contents.join("\n"));
        expect(whole.toolCalls.length).toBe(left.toolCalls.length + 1 + right.toolCalls.length);
      }),
    );
  });
});
