import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ToolCallFamily, toolCallFamilies } from "../../../src/policy/tool-calls/call-forms.js";
import { toAnswer } from "../../../src/server/endpoint/answer.js";
import { createAnswerPieces } from "../../../src/server/endpoint/answer-pieces.js";
import type { Piece } from "../../../src/server/endpoint/dialect.js";
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
        fc.record({ inThought: fc.boolean(), hasStop: fc.boolean(), hasTools: fc.boolean() }),
        (parts, { inThought, hasStop, hasTools }) => {
          const { answer, all } = piecesOf(parts.join(""), {
            ...{ tokenizer, inThought, stopTokenIds: [], stop: hasStop ? ["stop"] : [], idPrefix: "" },
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
    const options = { tokenizer, inThought: false, stopTokenIds: [], stop: [], idPrefix: "", calls: null };
    const { answer, all } = piecesOf("<think>\n so it is \n</think>\n\nYes. ", options);
    expect(answer).toMatchObject({
      thought: "so it is",
      content: "Yes. ",
      written: "<think>\n so it is \n</think>\n\nYes. ",
    });
    expect(all.filter(({ kind }) => kind === "thought").length).toBeGreaterThan(3);
  });
});
