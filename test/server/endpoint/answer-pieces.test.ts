import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ToolCallFamily, toolCallFamilies } from "../../../src/policy/tool-calls/call-forms.js";
import { callGrammar } from "../../../src/policy/tool-calls/call-grammar.js";
import { parseToolCalls } from "../../../src/policy/tool-calls/parse-tool-calls.js";
import { toAnswer } from "../../../src/server/endpoint/answer.js";
import { createAnswerPieces } from "../../../src/server/endpoint/answer-pieces.js";
import type { Piece } from "../../../src/server/endpoint/dialect.js";
import type { ToolDefinition } from "../../../src/types/chat.js";
import { randomText, seededRandom } from "../../grammar/random-walk.js";
import { createReferenceMatcher } from "../../grammar/reference-matcher.js";
import { tokenizer } from "./scripted-policy.js";

const args = '{"a": 1, "b": "x\\n</think>"}';
const written: Readonly<Record<ToolCallFamily, readonly string[]>> = {
  hermes: [`<tool_call>{"name": "f", "arguments": ${args}}</tool_call>`],
  "qwen-xml": ["<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n</function>\n</tool_call>"],
  llama: [`{"name": "f", "parameters": ${args}}`, `<|python_tag|>{"name": "f", "parameters": ${args}}`],
  "mistral-v3": [`[TOOL_CALLS][{"name": "f", "arguments": ${args}}]`],
  "mistral-v11": [`[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]${args}`],
  "mistral-v13": [`[TOOL_CALLS]f[ARGS]${args}`],
  "deepseek-v3": [
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n\`\`\`json\n${args}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
  ],
  "deepseek-v3.1": [
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>${args}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
  ],
};

function piecesOf(text: string, options: Parameters<typeof createAnswerPieces>[0]) {
  const tokens = tokenizer.encode(text);
  const pieces = createAnswerPieces(options, 1);
  const answer = toAnswer(
    { tokens, finishReason: "stop" } as unknown as Parameters<typeof toAnswer>[0],
    0,
    options,
  );
  const all: Piece[] = [...tokens].flatMap((token) => [...pieces.push(0, token)]);
  return { answer, all: [...all, ...pieces.finish(answer)] };
}

const tools: readonly ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: "add",
      parameters: {
        type: "object",
        properties: {
          text: { type: "string" },
          n: { type: "integer" },
          list: { type: "array", items: { type: "string" } },
        },
        required: ["text"],
      },
    },
  },
  { type: "function", function: { name: "stop", parameters: { type: "object", properties: {} } } },
];

const textsOf = (all: readonly Piece[], kind: Piece["kind"]) =>
  all.flatMap((piece) => (piece.kind === kind && "text" in piece ? [piece.text] : [])).join("");

function argumentsOf(all: readonly Piece[]): string[] {
  const calls: string[] = [];
  for (const piece of all) {
    if (piece.kind !== "call") continue;
    expect(piece.isFirst).toBe(calls[piece.index] === undefined);
    calls[piece.index] = (calls[piece.index] ?? "") + piece.text;
  }
  return calls;
}

describe("the pieces of an answer that is held to a grammar", () => {
  const optionsOf = (family: ToolCallFamily, inThought: boolean) => ({
    ...{ tokenizer, inThought, stopTokenIds: [], stop: ["zq"], idPrefix: "", isHeld: true },
    calls: { family, tools },
  });

  it.each(toolCallFamilies)("concatenate to it wherever it is cut, calls as far as they go: %s", (family) => {
    for (const choice of ["required", "auto"] as const)
      for (const thought of ["open", "may"] as const) {
        const grammar = callGrammar(family, tools, { choice, parallel: true, thought });
        const matcher = createReferenceMatcher(grammar);
        const random = seededRandom(9);
        for (let i = 0; i < 12; i++) {
          const points = Array.from(randomText(matcher, random, i * 12));
          const cut = i % 3 === 0 ? points.length : Math.floor(random() * points.length);
          const text = points.slice(0, cut).join("");
          const { answer, all } = piecesOf(text, optionsOf(family, thought === "open"));
          expect([text, textsOf(all, "thought"), textsOf(all, "text")]).toEqual([
            text,
            answer.thought ?? "",
            answer.content ?? "",
          ]);
          expect([text, argumentsOf(all)]).toEqual([
            text,
            answer.toolCalls.map((call) => call.function.arguments),
          ]);
        }
      }
  });

  const streamed = toolCallFamilies.filter((family) => family !== "mistral-v3");
  it.each(streamed)(
    "have a call's arguments while they are written, and what was written of them at a cut: %s",
    (family) => {
      const matcher = createReferenceMatcher(
        callGrammar(family, tools, { choice: { name: "add" }, parallel: false, thought: "none" }),
      );
      const random = seededRandom(2);
      const texts = Array.from({ length: 30 }, () => randomText(matcher, random, 150));
      // Hermes' own order has the name last.
      const named = texts.filter((text) => !text.includes('{ "arguments"'));
      const whole = named.reduce((a, b) => (b.length > a.length ? b : a));
      const options = optionsOf(family, false);
      const tokens = tokenizer.encode(whole);
      const pieces = createAnswerPieces(options, 1);
      const early = [...tokens]
        .flatMap((token) => [...pieces.push(0, token)])
        .filter(({ kind }) => kind === "call");
      expect(early.length).toBeGreaterThan(10);
      const { toolCalls } = parseToolCalls(whole, { family, tools, inThought: false });
      expect(argumentsOf(early)).toEqual(toolCalls.map((call) => call.function.arguments));
      const cut = piecesOf(whole.slice(0, whole.length - 40), options).answer;
      expect(cut.toolCalls).toHaveLength(1);
      expect(toolCalls[0]?.function.arguments).toContain(cut.toolCalls[0]?.function.arguments);
    },
  );
});

describe("the pieces of an answer", () => {
  it.each(toolCallFamilies)("concatenate to it, whatever is said: %s", (family) => {
    const part = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 8 }),
      fc.constantFrom(...written[family]),
      fc.constantFrom(
        "<think>",
        "</think>",
        "<thi",
        "</th",
        " \n",
        "stop",
        "sto",
        "{",
        '"',
        "[TOOL",
        "<tool_",
        ";",
      ),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.record({
          inThought: fc.boolean(),
          stop: fc.constantFrom([], ["stop"], [" \n"], ["s</think>s", "nk> \n"], ["k>", "p<"]),
          hasTools: fc.boolean(),
        }),
        (parts, { inThought, stop, hasTools }) => {
          const { answer, all } = piecesOf(parts.join(""), {
            ...{ tokenizer, inThought, stopTokenIds: [], stop, idPrefix: "" },
            isHeld: false,
            calls: hasTools ? { family, tools: [] } : null,
          });
          const texts = (kind: string) =>
            all.flatMap((piece) => (piece.kind === kind && "text" in piece ? [piece.text] : [])).join("");
          expect([texts("thought"), texts("text")]).toEqual([answer.thought ?? "", answer.content ?? ""]);
          const calls = answer.toolCalls.map((call) => call.function.arguments);
          expect(texts("call")).toBe(calls.join(""));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("are held back only as far as a stop string may reach into them, and go out at once otherwise", () => {
    const options = {
      tokenizer,
      inThought: false,
      stopTokenIds: [],
      stop: ["END"],
      idPrefix: "",
      calls: null,
    };
    const sentOf = (text: string) => {
      const pieces = createAnswerPieces(options, 1);
      const sent = [...tokenizer.encode(text)].flatMap((token) => [...pieces.push(0, token)]);
      return sent.map((piece) => ("text" in piece ? piece.text : "")).join("");
    };
    expect(sentOf("plain words")).toBe("plain words");
    expect(sentOf("plain E")).toBe("plain ");
    expect(sentOf("plain EN")).toBe("plain ");
    expect(sentOf("plain ENDED")).toBe("plain ");
    expect(sentOf("plain ENough")).toBe("plain ENough");
  });

  it("set the thought apart, without the white space around it, as it is written", () => {
    const options = {
      tokenizer,
      inThought: false,
      stopTokenIds: [],
      stop: [],
      idPrefix: "",
      isHeld: false,
      calls: null,
    };
    const { answer, all } = piecesOf("<think>\n so it is \n</think>\n\nYes. ", options);
    expect(answer).toMatchObject({
      thought: "so it is",
      content: "Yes. ",
      written: "<think>\n so it is \n</think>\n\nYes. ",
    });
    expect(all.filter(({ kind }) => kind === "thought").length).toBeGreaterThan(3);
  });
});
