import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseToolCalls } from "../../../src/policy/tool-calls/parse-tool-calls.js";

const space = fc.stringMatching(/^[ \n\t]{0,3}$/);
/** Without marks of tags, quotations and code, whose meaning depends on what stands around them. */
const plainText = fc
  .string({ unit: "grapheme" })
  .map((text) => text.replaceAll(/[<>"'`~“”„‘’«»「」『』]/g, ""));

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

describe("talk about calls", () => {
  const shown: [where: string, text: string, meant?: string][] = [
    ["a thought", `<think>\nI could ${add}\n</think>\n\nNo.`],
    ["a thought, and then meant", `<think>${add}</think>\n${add}`, `<think>${add}</think>`],
    ["a thought that does not end", `Let me see. <think>${add}`],
    ["each of several thoughts", `<think>${add}</think>a<think>${add}</think>b`],
    ["a thought that the prompt began", `I could ${add}\n</think>\n\nNo.`],
    ["a thought that quotes its own end", `<think>Then "</think>" and ${add}</think>No.`],
    ["a fence", `So:\n\`\`\`\n${add}\n\`\`\`\nDone.`],
    ["a fence with a language", `\`\`\`json\n${add}\n\`\`\``],
    ["a longer fence", `\`\`\`\`\n\`\`\`\n${add}\n\`\`\`\n${add}\n\`\`\`\``],
    ["a fence of tildes", `~~~\n${add}\n~~~`],
    ["a fence that does not end", `\`\`\`\n${add}\n`],
    ["a fence, and then meant", `\`\`\`\n${add}\n\`\`\`\n${add}`, `\`\`\`\n${add}\n\`\`\``],
    ["quotation marks", `The form is "${add}".`],
    ["quotation marks with other words", `Write "here: ${add} or so" then.`],
    ["quotation marks on lines of their own", `The form is\n"\n${add}\n"\nthen.`],
    ["two quotations", `"${add}" or "${add}"`],
    ["one quotation of two", `"${add} and ${add}"`],
    ["typographic marks", `Not “${add}”.`],
    ["German ones", `Nicht „${add}“.`],
    ["French ones", `Pas « ${add} ».`],
    ["single ones", `The form is '${add}'.`],
    ["inline code", `The form is \`${add}\`.`],
    ["inline code of two marks", `The form is \`\`${add}\`\`.`],
    ["two pieces of inline code", `Write \`${add}\` or \`${add}\`.`],
    ["three pieces", `\`\`${add}\`\`, \`${add}\` or \`${add}\``],
    ["inline code, and then meant", `\`${add}\` it is: ${add}`, `\`${add}\` it is:`],
    ["quotations of several kinds", `“${add}”, '${add}', \`${add}\` or "${add}"`],
    ["a quoted line", `> ${add.replaceAll("\n", "")}\nwas said.`],
  ];
  it.each(shown)("is no call, and stays as it is: in %s", (_, text, meant) => {
    expect(parseToolCalls(text)).toEqual({
      content: meant ?? text,
      toolCalls: meant === undefined ? [] : parseToolCalls(add).toolCalls,
    });
  });

  const acts: [where: string, text: string, content: string][] = [
    ["after a quotation", `She said "yes".\n${add}`, 'She said "yes".'],
    ["between quotations", `"a" ${add} "b"`, '"a"\n"b"'],
    ["after an inch mark", `It is 6" tall.\n${add}`, 'It is 6" tall.'],
    ["between inch marks", `It is 6" tall, ${add} and 3" wide.`, 'It is 6" tall,\nand 3" wide.'],
    [
      "after a quotation that ends with a number",
      `She said "version 5". ${add} "Yes".`,
      'She said "version 5".\n"Yes".',
    ],
    [
      "after a mark left open in another paragraph",
      `A " here.\n\n${add}\n\nB " there.`,
      'A " here.\nB " there.',
    ],
    ["with an apostrophe on each side", `It's ${add} isn't`, "It's\nisn't"],
    ["after inline code", `I use \`add\`.\n${add}`, "I use `add`."],
    [
      "after the word for a thought in quotes",
      `I write in \`<think>\` tags.\n${add}`,
      "I write in `<think>` tags.",
    ],
    ["after a line with a fence's marks in it", `Use \`\`\`x\`\`\`.\n${add}`, "Use ```x```."],
    ["after a thought", `<think>\nfoo\n</think>\n\n${add}`, "<think>\nfoo\n</think>"],
    ["before a thought", `${add}\n<think>foo</think>`, "<think>foo</think>"],
  ];
  it.each(acts)("is told from acts: %s", (_, text, content) => {
    expect(parseToolCalls(text)).toEqual({ content, toolCalls: parseToolCalls(add).toolCalls });
  });

  it("is all of a text that begins in a thought, up to the thought's end", () => {
    const parse = (text: string) => parseToolCalls(text, { inThought: true });
    expect(parse(`I could ${add}`)).toEqual({ content: `I could ${add}`, toolCalls: [] });
    expect(parse(`I could ${add}</think>\n${add}`)).toEqual({
      content: `I could ${add}</think>`,
      toolCalls: parseToolCalls(add).toolCalls,
    });
  });

  it("does not count where a text ends with so many calls", () => {
    const text = `<think>${add}</think>a${add}b${add}c`;
    expect(parseToolCalls(text, { most: 1 })).toMatchObject({
      content: `<think>${add}</think>a`,
      toolCalls: [{}],
    });
    expect(parseToolCalls(text, { most: 2 })).toMatchObject({
      content: `<think>${add}</think>a\nb`,
      toolCalls: [{}, {}],
    });
    expect(parseToolCalls(text, { most: 3 })).toEqual(parseToolCalls(text));
  });

  it("in a fence of any length is no call, and the fence ends with one as long", () => {
    for (const mark of ["`", "~"]) {
      for (const length of [3, 4, 40_000]) {
        const fence = mark.repeat(length);
        const shorter = mark.repeat(length - 1);
        const text = `${fence}\n${add}\n${shorter}\n${add}\n${fence}${mark}\n`;
        expect(parseToolCalls(text)).toEqual({ content: text, toolCalls: [] });
        expect(parseToolCalls(text + add).toolCalls).toHaveLength(1);
        expect(parseToolCalls(fence)).toEqual({ content: fence, toolCalls: [] });
      }
    }
  });

  // Told in seconds at the most, or the test's own limit ends it: every quote is looked at once.
  it("of a thousand calls is told, too", () => {
    expect(parseToolCalls(`"${add}`.repeat(1000)).toolCalls.length).toBeGreaterThan(0);
    expect(parseToolCalls(`${add} "`.repeat(1000)).toolCalls.length).toBeGreaterThan(0);
    expect(parseToolCalls(`"${add}" `.repeat(4000)).toolCalls).toEqual([]);
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
    it(`stays text, and is counted: ${what}`, () => {
      const counted = text.startsWith("<tool_call>") ? { malformed: 1 } : {};
      expect(parseToolCalls(` ${text} `)).toEqual({ content: ` ${text} `, toolCalls: [], ...counted });
      expect(parseToolCalls(`${text}\n${add}`)).toEqual({
        ...counted,
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
