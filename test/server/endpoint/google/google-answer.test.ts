import { describe, expect, it } from "vitest";
import type { AnswerChoice } from "../../../../src/server/endpoint/answer.js";
import type { Piece } from "../../../../src/server/endpoint/dialect.js";
import { createGoogleFrames, generatedBody } from "../../../../src/server/endpoint/google/google-answer.js";
import { parseGoogleRequest } from "../../../../src/server/endpoint/google/google-request.js";
import { scripted, tokenizer } from "../scripted-policy.js";
import { wireRequest } from "../wire-request.js";

const kModel = "/v1beta/models/gemini-m";
const body = { contents: [{ role: "user", parts: [{ text: "hi" }] }] };

function resultOf(...choices: Partial<AnswerChoice>[]) {
  const sampled = { tokens: Int32Array.of(1, 2, 3) } as AnswerChoice["sampled"];
  const request = parseGoogleRequest(wireRequest(`${kModel}:streamGenerateContent?alt=sse`, body));
  const answers = choices.map((more, index): AnswerChoice => {
    return {
      index,
      thought: null,
      content: null,
      written: null,
      toolCalls: [],
      malformedCalls: 0,
      finishReason: "stop",
      stopString: null,
      sampled,
      ...more,
    };
  });
  return {
    request,
    id: "resp_1",
    created: 1,
    startTime: 1,
    promptIds: Int32Array.of(1, 2),
    tokenizer,
    choices: answers,
  };
}

describe("an answer as Google's candidates", () => {
  it("has a part for its thought, its text and each call, whole and in pieces", () => {
    const call = { id: "c0", type: "function" as const, function: { name: "add", arguments: '{"a":1}' } };
    const result = resultOf(
      { thought: "hm", content: "so", toolCalls: [call] },
      { content: "b", finishReason: "length" },
    );
    const parts = [
      { text: "hm", thought: true },
      { text: "so" },
      { functionCall: { id: "c0", name: "add", args: { a: 1 } } },
    ];
    expect(generatedBody(result)).toEqual({
      candidates: [
        { content: { role: "model", parts }, finishReason: "STOP", index: 0 },
        { content: { role: "model", parts: [{ text: "b" }] }, finishReason: "MAX_TOKENS", index: 1 },
      ],
      usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 6, totalTokenCount: 8 },
      ...{ modelVersion: "gemini-m", responseId: "resp_1" },
    });
    const more = (isFirst: boolean, text: string): Piece => {
      return { kind: "call", choice: 0, index: 0, isFirst, id: "c0", name: "add", text };
    };
    const pieces: Piece[] = [
      { kind: "thought", choice: 0, text: "hm" },
      { kind: "text", choice: 0, text: "so" },
      { kind: "text", choice: 1, text: "b" },
      ...[more(true, ""), more(false, '{"a"'), more(false, ":1}")],
      ...result.choices.map((answer, choice): Piece => ({ kind: "end", choice, answer })),
    ];
    const frames = createGoogleFrames(result);
    const texts = [...frames.open(), ...pieces.flatMap(frames.piece), ...frames.close(result)];
    const said = texts.flatMap((text) => JSON.parse(text.replace(/^data: /, "")).candidates);
    const ofFirst = said.filter(({ index }) => index === 0).flatMap(({ content }) => content.parts);
    expect(ofFirst).toEqual([...parts, { text: "" }]);
    expect(said.slice(-2).map(({ finishReason }) => finishReason)).toEqual(["STOP", "MAX_TOKENS"]);
  });
});

describe("Google's endpoint", () => {
  it("streams a list where no events are asked for, that a parser can read at its end", async () => {
    const response = await scripted(["hello"]).send(body, `${kModel}:streamGenerateContent`);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    const all = (await response.json()) as { candidates: { content: { parts: { text: string }[] } }[] }[];
    expect(all.map(({ candidates }) => candidates[0]?.content.parts[0]?.text).join("")).toBe("hello");
  });

  it("answers with as many candidates as are asked for", async () => {
    const asked = { ...body, generationConfig: { candidateCount: 3 } };
    const { json } = await scripted(["a"]).post(asked, `${kModel}:generateContent`);
    expect(json.candidates.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
  });

  it("counts the tokens of a prompt without a call: of contents, or of a request that would be made", async () => {
    const policy = scripted(["a"]);
    const count = async (asked: Record<string, unknown>) =>
      (await policy.post(asked, `${kModel}:countTokens`)).json.totalTokens;
    const counts = [
      await count(body),
      await count({ generateContentRequest: { model: "models/gemini-m", ...body } }),
    ];
    expect([policy.calls, policy.asked]).toEqual([[], []]);
    const { json } = await policy.post(body, `${kModel}:generateContent`);
    expect(counts).toEqual([json.usageMetadata.promptTokenCount, json.usageMetadata.promptTokenCount]);
  });

  it("names the field of a refusal among its details", async () => {
    const { json } = await scripted(["a"]).post(
      { contents: [{ parts: [{ fileData: {} }] }] },
      `${kModel}:generateContent`,
    );
    expect(json.error).toMatchObject({ code: 400, status: "INVALID_ARGUMENT" });
    const [info, violation] = json.error.details;
    expect(info.reason).toBe("unsupported_parameter");
    expect(violation.fieldViolations[0].field).toBe("contents.0.parts.0.fileData");
  });
});
