// Where an answer ends in what the template makes of it. Templates trim, space JSON anew and set thoughts apart by lines of their own: none of
// that is another answer.
import { isDeepStrictEqual } from "node:util";
import type { CallForm } from "../../policy/tool-calls/call-form.js";
import type { ToolCallInput, ToolDefinition } from "../../types/chat.js";
import { argumentsValue } from "./call-arguments.js";

/** What an answer says. */
export interface Said {
  readonly content: string;
  readonly calls: readonly ToolCallInput["function"][];
}

/** How calls are written. */
export interface CallReader {
  /** Undefined: in a form that nobody reads. */
  readonly form: CallForm | undefined;
  readonly tools: readonly ToolDefinition[];
}

/**
 * @param text  begins where the answer begins
 * @returns where content and calls have been said, white space apart; undefined when the text says something else
 */
export function endOfAnswer(
  text: string,
  { content, calls }: Said,
  { form, tools }: CallReader,
): number | undefined {
  let end = text.startsWith(content) ? content.length : endOfSpaced(text, content);
  for (let left = calls; left.length > 0; ) {
    const block = end === undefined ? undefined : form?.readBlock(text, skip(text, end), tools);
    if (block === undefined || !block.calls.every((call, i) => isSame(call.function, left[i])))
      return undefined;
    left = left.slice(block.calls.length);
    end = block.end;
  }
  return end;
}

// --- internal ---

function isSame(written: ToolCallInput["function"], said: ToolCallInput["function"] | undefined): boolean {
  return (
    written.name === said?.name &&
    isDeepStrictEqual(argumentsValue(written.arguments), argumentsValue(said.arguments))
  );
}

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
