import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spellJson } from "../../../src/grammar/json-spelling.js";
import { type ToolCallFamily, toolCallFamilies } from "../../../src/policy/tool-calls/call-forms.js";
import { type CallGrammarOptions, callGrammar } from "../../../src/policy/tool-calls/call-grammar.js";
import { parseToolCalls } from "../../../src/policy/tool-calls/parse-tool-calls.js";
import type { ToolDefinition } from "../../../src/types/chat.js";
import { ajvJudge } from "../../grammar/ajv-judge.js";
import { randomText, seededRandom } from "../../grammar/random-walk.js";
import { codePoints, createReferenceMatcher } from "../../grammar/reference-matcher.js";
import { openTemplate, publicTemplates } from "./chat-templates.js";

const parameters = {
  weather: {
    type: "object",
    properties: {
      city: { type: "string" },
      days: { type: "integer", minimum: 1, maximum: 7 },
      unit: { enum: ["C", "F"] },
      note: { type: ["string", "null"] },
      tags: { type: "array", items: { type: "string" }, maxItems: 3 },
      deep: {
        type: "object",
        properties: { on: { type: "boolean" }, rate: { type: "number" } },
        required: ["on"],
        additionalProperties: false,
      },
      loud: { type: "boolean" },
    },
    required: ["city", "days", "deep"],
    additionalProperties: false,
  },
  search: {
    $defs: { code: { type: "string", pattern: "^[a-z]{2}$" } },
    type: "object",
    properties: {
      query: { type: "string", minLength: 1, maxLength: 8 },
      language: { $ref: "#/$defs/code" },
      limit: {
        anyOf: [
          { type: "integer", minimum: 10 },
          { type: "string", pattern: "^(all|17|none)$" },
        ],
      },
      long: { type: "string", minLength: 3, maxLength: 5000 },
      when: { const: "now" },
    },
    required: ["query"],
    additionalProperties: false,
  },
  nothing: { type: "object", properties: {}, additionalProperties: false },
};
const tools: readonly ToolDefinition[] = Object.entries(parameters).map(([name, schema]) => {
  return { type: "function", function: { name, description: "d", parameters: schema, strict: true } };
});
const judges = new Map(Object.entries(parameters).map(([name, schema]) => [name, ajvJudge(schema)]));
const kRequired: CallGrammarOptions = { choice: "required", parallel: true, thought: "none" };

const matcherOf = (family: ToolCallFamily, options: Partial<CallGrammarOptions> = {}) =>
  createReferenceMatcher(callGrammar(family, tools, { ...kRequired, ...options }));

/** The calls of a text, each judged. */
function judged(text: string, family: ToolCallFamily) {
  const { content, toolCalls, malformed } = parseToolCalls(text, { family, tools, inThought: false });
  const calls = toolCalls.map(({ function: { name, arguments: args } }) => {
    return { name, isValid: judges.get(name)?.(JSON.parse(args)) === true };
  });
  return { content, malformed, calls };
}

describe("texts of a family's calls by grammar", () => {
  it.each(toolCallFamilies)("are read as calls that are valid under their tools' schemas: %s", (family) => {
    const matcher = matcherOf(family);
    const random = seededRandom(7);
    let most = 0;
    for (let i = 0; i < 60; i++) {
      const text = randomText(matcher, random, i * 4);
      const { content, malformed, calls } = judged(text, family);
      expect([text, content, malformed, calls.filter(({ isValid }) => !isValid)]).toEqual([
        text,
        null,
        undefined,
        [],
      ]);
      expect(calls.length).toBeGreaterThan(0);
      most = Math.max(most, calls.length);
    }
    expect(most).toBeGreaterThan(1);
  });

  const text = fc
    .array(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom("\n", "<", '"', "\\", "</function>", "]", "}"),
      ),
      {
        maxLength: 4,
      },
    )
    .map((pieces) => pieces.join(""));
  const weather = fc.record(
    {
      city: text,
      days: fc.integer({ min: 1, max: 7 }),
      unit: fc.constantFrom("C", "F"),
      note: fc.oneof(text, fc.constant(null)),
      tags: fc.array(text, { maxLength: 3 }),
      deep: fc.record(
        { on: fc.boolean(), rate: fc.integer({ min: -1000, max: 1000 }) },
        { requiredKeys: ["on"] },
      ),
      loud: fc.boolean(),
    },
    { requiredKeys: ["city", "days", "deep"] },
  );
  const calls = fc.array(
    fc.oneof(
      weather.map((args) => ({ name: "weather", args: args as object })),
      fc.constant({ name: "nothing", args: {} as object }),
    ),
    { minLength: 1, maxLength: 3 },
  );
  // The first of Qwen3-Coder's templates prints objects as Python does.
  const spelled = publicTemplates.filter(({ name }) => !name.endsWith("qwen3_coder"));
  it.each(spelled)("hold every valid call as a public template writes it: $name", (template) => {
    const answers = openTemplate(template);
    const matcher = matcherOf(template.family);
    fc.assert(
      fc.property(calls, (all) => {
        const some = all.slice(0, template.most).map(({ name, args }, i) => {
          const ordered = Object.keys(parameters[name as keyof typeof parameters].properties).filter(
            (key) => key in args,
          );
          const sorted = Object.fromEntries(
            ordered.map((key) => [key, (args as Record<string, unknown>)[key]]),
          );
          const called = { name, arguments: spellJson(sorted) ?? "" };
          return { id: `Aa0Bb1Cc${i}`, type: "function" as const, function: called };
        });
        const written = answers.write(some).replace(/^(?:<think>\s*)?<\/think>\s*/, "");
        // Two of DeepSeek's templates leave the last tag out where there is one call.
        const end =
          template.family === "deepseek-v3" && !written.endsWith("calls▁end｜>")
            ? "<｜tool▁calls▁end｜>"
            : "";
        const accepted = written.trimEnd() + end;
        expect([accepted, matcher.reaches(accepted)]).toEqual([accepted, codePoints(accepted).length]);
        expect(matcher.accepts(accepted)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  const one: Readonly<Record<ToolCallFamily, string>> = {
    hermes: '<tool_call>\n{"name": "nothing", "arguments": {}}\n</tool_call>',
    "qwen-xml": "<tool_call>\n<function=nothing>\n</function>\n</tool_call>",
    llama: '{"name": "nothing", "parameters": {}}',
    "mistral-v3": '[TOOL_CALLS][{"name": "nothing", "arguments": {}, "id": "Aa0Bb1Cc2"}]',
    "mistral-v11": "[TOOL_CALLS]nothing[CALL_ID]Aa0Bb1Cc2[ARGS]{}",
    "mistral-v13": "[TOOL_CALLS]nothing[ARGS]{}",
    "deepseek-v3":
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>nothing\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "deepseek-v3.1":
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>nothing<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
  };

  it.each(toolCallFamilies)("are of the tool that is named, and of no other: %s", (family) => {
    expect(matcherOf(family, { choice: { name: "nothing" } }).accepts(one[family])).toBe(true);
    expect(matcherOf(family, { choice: { name: "search" } }).accepts(one[family])).toBe(false);
    expect(() => callGrammar(family, tools, { ...kRequired, choice: { name: "other" } })).toThrow(/other/);
  });

  it.each(toolCallFamilies)("are one where several may not be: %s", (family) => {
    const single = matcherOf(family, { parallel: false });
    const random = seededRandom(3);
    for (let i = 0; i < 20; i++) expect(judged(randomText(single, random, 40), family).calls).toHaveLength(1);
    expect(single.accepts(one[family])).toBe(true);
  });

  it.each(toolCallFamilies)("come after a thought where there may be one, or must end: %s", (family) => {
    const call = one[family];
    const thought = `so <tool_call> or\n</thin</think>\n\n${call}`;
    const accepts = (room: CallGrammarOptions["thought"]) =>
      [call, `<think>${thought}`, thought].map((text) => matcherOf(family, { thought: room }).accepts(text));
    expect(accepts("none")).toEqual([true, false, false]);
    expect(accepts("may")).toEqual([true, true, false]);
    expect(accepts("open")).toEqual([false, true, true]);
  });

  it.each(toolCallFamilies)(
    "may come after other text, or not at all, where they are not required: %s",
    (family) => {
      const matcher = matcherOf(family, { choice: "auto" });
      const said = ["", "no", one[family], `So:\n${one[family]}`];
      expect(said.map((text) => matcher.accepts(text))).toEqual([true, true, true, true]);
      const random = seededRandom(11);
      for (let i = 0; i < 40; i++) {
        const { calls, malformed } = judged(randomText(matcher, random, 30), family);
        expect([malformed, calls.filter(({ isValid }) => !isValid)]).toEqual([undefined, []]);
      }
    },
  );

  it.each(toolCallFamilies)("hold tags as tokens where the vocabulary has them: %s", (family) => {
    const ids = new Map(
      ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "</think>"].map((tag, i) => [
        tag,
        i,
      ]),
    );
    for (const tag of ["calls▁begin", "call▁begin", "sep", "call▁end", "calls▁end"])
      ids.set(`<｜tool▁${tag}｜>`, ids.size);
    const matcher = matcherOf(family, { thought: "open", idOf: (tag) => ids.get(tag) });
    const pattern = new RegExp([...ids.keys()].map((tag) => tag.replace(/[[\]|]/g, "\\$&")).join("|"), "g");
    const text = `hm</think>${one[family]}`;
    const items = [...text.matchAll(new RegExp(`${pattern.source}|[^]`, "gu"))].map(([piece]) => {
      const id = ids.get(piece);
      return id === undefined ? (piece.codePointAt(0) ?? 0) : { token: id };
    });
    expect(matcher.accepts(items)).toBe(true);
    expect(matcher.accepts(text)).toBe(false);
  });
});

describe("a tool whose schema cannot be enforced", () => {
  const odd = {
    type: "object",
    properties: { a: { type: "string", contains: 1 } },
    not: { required: ["a"] },
  };
  const toolOf = (strict: boolean): readonly ToolDefinition[] => [
    { type: "function", function: { name: "odd", parameters: odd, strict } },
  ];
  it.each(toolCallFamilies)(
    "is refused by name where it is strict, and takes any object where not: %s",
    (family) => {
      expect(() => callGrammar(family, toolOf(true), kRequired)).toThrow(/^tools: odd\.parameters: .*not/);
      const matcher = createReferenceMatcher(callGrammar(family, toolOf(false), kRequired));
      const random = seededRandom(5);
      for (let i = 0; i < 20; i++) {
        const { toolCalls } = parseToolCalls(randomText(matcher, random, 40), {
          family,
          tools: toolOf(false),
        });
        expect(toolCalls.length).toBeGreaterThan(0);
      }
    },
  );
});

describe("a demanded call", () => {
  const names = [
    ...["add", "a b", "a.b/c", "é", "__proto__", 'a"b', "a>b", "a\nb", " a", "</tool_call>", "[ARGS]", "{a}"],
    ..."<｜tool▁sep｜>".split(" "),
  ];
  const loose: readonly (Readonly<Record<string, unknown>> | undefined)[] = [
    ...[undefined, {}, { type: ["object", "null"], properties: { a: { const: 1 } }, required: ["a"] }],
    ...[{ type: "string" }, { type: ["array", "null"] }],
  ];
  it.each(toolCallFamilies)(
    "is read back as one, whatever the tool's name and type, or refused: %s",
    (family) => {
      let written = 0;
      for (const name of names)
        for (const schema of loose) {
          const called: readonly ToolDefinition[] = [
            { type: "function", function: { name, ...(schema ? { parameters: schema } : {}) } },
          ];
          const write = () => callGrammar(family, called, { ...kRequired, parallel: false });
          try {
            write();
          } catch (error) {
            expect(error).toMatchObject({
              code: "E_ARGUMENT",
              message: expect.stringContaining("names that calls"),
            });
            continue;
          }
          const matcher = createReferenceMatcher(write());
          const random = seededRandom(7);
          for (let i = 0; i < 3; i++) {
            const text = randomText(matcher, random, 40);
            const { toolCalls } = parseToolCalls(text, { family, tools: called });
            expect([text, toolCalls.map((call) => call.function.name)]).toEqual([text, [name]]);
            expect(JSON.parse(toolCalls[0]!.function.arguments)).toEqual(expect.any(Object));
            written++;
          }
        }
      expect(written).toBeGreaterThan(3 * 4 * loose.length);
    },
  );

  it("of a strict tool whose arguments are no object is refused by its type", () => {
    const strict = (type: unknown): readonly ToolDefinition[] => [
      { type: "function", function: { name: "f", strict: true, parameters: { type } } },
    ];
    for (const family of toolCallFamilies)
      expect(() => callGrammar(family, strict("string"), kRequired)).toThrow(
        /f\.parameters\.type to be "object"/,
      );
  });
});
