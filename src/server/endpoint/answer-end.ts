// Where an answer ends in what the template makes of it. Templates trim, space JSON anew and set thoughts apart by lines of their own: none of
// that is another answer.
import { isDeepStrictEqual } from "node:util";
import { toJsonValue } from "../../base/json-value.js";
import { readCall } from "../../policy/tool-calls.js";
import type { ToolCallInput } from "../../types/chat.js";

/** What an answer says. */
export interface Said {
  readonly content: string;
  readonly calls: readonly ToolCallInput["function"][];
}

/**
 * @param text  begins where the answer begins
 * @returns where content and calls have been said, white space apart; undefined when the text says something else
 */
export function endOfAnswer(text: string, { content, calls }: Said): number | undefined {
  let end = text.startsWith(content) ? content.length : endOfSpaced(text, content);
  for (const call of calls) {
    if (end === undefined) return undefined;
    const written = readCall(text, skip(text, end));
    const isSame =
      written?.function.name === call.name &&
      isDeepStrictEqual(argumentsValue(written.function.arguments), argumentsValue(call.arguments));
    end = isSame ? written?.end : undefined;
  }
  return end;
}

/** What a call's arguments say, however they are spaced; text that is no JSON says itself. */
export function argumentsValue(args: ToolCallInput["function"]["arguments"]): unknown {
  const value = typeof args === "string" ? toJsonValue(args) : args;
  return value === undefined ? args : value;
}

// --- internal ---

function endOfSpaced(text: string, content: string): number | undefined {
  let at = 0;
  for (const letter of content) {
    if (kSpace.test(letter)) continue;
    at = skip(text, at);
    if (!text.startsWith(letter, at)) return undefined;
    at += letter.length;
  }
  // As much of the white space behind it as was sampled.
  for (const letter of content.slice(content.trimEnd().length))
    if (text.startsWith(letter, at)) at += letter.length;
  return at;
}

function skip(text: string, from: number): number {
  let at = from;
  while (at < text.length && kSpace.test(text.charAt(at))) at++;
  return at;
}

const kSpace = /\s/;
