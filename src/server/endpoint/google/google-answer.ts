// A canonical answer as Google's candidates, whole or in pieces. The texts of a candidate's pieces concatenate to the whole answer's.
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import { kEventStream } from "../answer-stream.js";
import { argumentsObject } from "../call-arguments.js";
import type { CallHead, CallResult, Frames, Piece } from "../dialect.js";
import { googleError } from "./google-failure.js";
import type { GoogleWire } from "./google-request.js";

/** The unstreamed body. */
export function generatedBody(result: CallResult): Record<string, unknown> {
  return {
    candidates: result.choices.map((choice) => candidate(choice.index, partsOf(choice), finishOf(choice))),
    usageMetadata: usageOf(result),
    ...headOf(result),
  };
}

export function createGoogleFrames(call: CallHead): Frames {
  const { isSse } = call.request.wire as GoogleWire;
  /** Of calls that come in pieces: this wire has whole ones alone. */
  const calls = new Map<number, { readonly id: string; readonly name: string; text: string }>();
  let sent = 0;
  const frame = (body: object): string => {
    const text = JSON.stringify(body);
    if (isSse) return `data: ${text}\r\n\r\n`;
    return `${sent++ === 0 ? "[" : ",\r\n"}${text}`;
  };
  const chunk = (choice: number, parts: readonly object[]): string[] =>
    parts.length === 0 ? [] : [frame({ candidates: [candidate(choice, parts)], ...headOf(call) })];
  const flush = (choice: number): object[] => {
    const whole = calls.get(choice);
    calls.delete(choice);
    return whole === undefined ? [] : [callPart(whole.id, whole.name, whole.text)];
  };
  const piece = (said: Piece): string[] => {
    const { choice } = said;
    switch (said.kind) {
      case "thought":
      case "text":
        return chunk(choice, [...flush(choice), textPart(said.kind, said.text)]);
      case "call": {
        const before = said.isFirst ? flush(choice) : [];
        const whole = calls.get(choice) ?? { id: said.id, name: said.name, text: "" };
        calls.set(choice, { ...whole, text: whole.text + said.text });
        return chunk(choice, before);
      }
      case "end":
        return chunk(choice, flush(choice));
    }
  };
  return {
    contentType: isSse ? kEventStream : "application/json; charset=utf-8",
    open: () => [],
    piece,
    close: (result) => [
      // Chats forget a turn whose last piece has no content.
      frame({
        candidates: result.choices.map((choice) => candidate(choice.index, [{ text: "" }], finishOf(choice))),
        usageMetadata: usageOf(result),
        ...headOf(result),
      }),
      ...(isSse ? [] : ["]"]),
    ],
    fail: (error) => [frame(googleError(error)), ...(isSse ? [] : ["]"])],
  };
}

// --- internal ---

function headOf({ id, request }: CallHead) {
  return { modelVersion: request.model, responseId: id };
}

function candidate(index: number, parts: readonly object[], finishReason?: string): object {
  return {
    content: { role: "model", parts },
    ...(finishReason === undefined ? {} : { finishReason }),
    index,
  };
}

function partsOf({ thought, content, toolCalls }: AnswerChoice): object[] {
  const parts = [
    ...(thought ? [textPart("thought", thought)] : []),
    ...(content ? [textPart("text", content)] : []),
    ...toolCalls.map((call) => callPart(call.id, call.function.name, call.function.arguments)),
  ];
  return parts.length > 0 ? parts : [textPart("text", "")];
}

function textPart(kind: "text" | "thought", text: string): object {
  return kind === "thought" ? { text, thought: true } : { text };
}

function callPart(id: string, name: string, args: string): object {
  return { functionCall: { id, name, args: argumentsObject(args) } };
}

function finishOf({ finishReason }: AnswerChoice): string {
  return finishReason === "length" ? "MAX_TOKENS" : "STOP";
}

function usageOf({ promptIds, choices }: CallResult) {
  const sampled = countAnswerTokens(choices);
  return {
    promptTokenCount: promptIds.length,
    candidatesTokenCount: sampled,
    totalTokenCount: promptIds.length + sampled,
  };
}
