// Calls of an answer that is held to their grammar, while they are written: what begins as a call is one, so its arguments are known as far as
// they go. A call that nothing completes, because the answer was cut, ends there.
import { matchAt } from "../../base/match-at.js";
import type { ToolCall, ToolDefinition } from "../../types/chat.js";
import type { CallForm, HeldForm, WrittenCall } from "./call-form.js";
import { callForms, type ToolCallFamily } from "./call-forms.js";
import { toToolCalls } from "./parse-tool-calls.js";
import { placeThought } from "./thought-place.js";

export interface HeldCalls {
  /** Where the first begins. */
  readonly start: number;
  /** In order; the last may be unfinished, and its arguments the beginning of JSON. */
  readonly toolCalls: readonly ToolCall[];
}

export interface HeldOptions {
  readonly family: ToolCallFamily;
  readonly tools: readonly ToolDefinition[];
  readonly idPrefix: string;
  readonly inThought: boolean;
}

/** @returns undefined where there is no call of which a name is known, or for a form that tells calls only when they are complete */
export function readHeldCalls(text: string, options: HeldOptions): HeldCalls | undefined {
  const form: CallForm = callForms[options.family];
  const start = form.held === undefined ? undefined : callsStart(text, form, options.inThought);
  if (form.held === undefined || start === undefined) return undefined;
  const calls = readCalls(text, start, form.held, options.tools);
  return calls.length === 0 ? undefined : { start, toolCalls: toToolCalls(calls, form, options.idPrefix) };
}

// --- internal ---

function callsStart(text: string, { marks, isBare }: CallForm, inThought: boolean): number | undefined {
  const place = placeThought(text, inThought);
  if (place?.end === null) return undefined;
  const from = place?.answer ?? 0;
  if (isBare) {
    const start = text.length - text.slice(from).trimStart().length;
    return text.charAt(start) === "{" ? start : undefined;
  }
  const found = marks.map((mark) => text.indexOf(mark, from)).filter((at) => at >= 0);
  return found.length === 0 ? undefined : Math.min(...found);
}

function readCalls(
  text: string,
  start: number,
  { begin, head, args, between }: HeldForm,
  tools: readonly ToolDefinition[],
): WrittenCall[] {
  const calls: WrittenCall[] = [];
  let at: number | undefined = begin === undefined ? start : endOf(begin, text, start);
  while (at !== undefined) {
    const found = matchAt(head, text, at);
    const { name, id } = found?.groups ?? {};
    if (found === undefined || name === undefined) break;
    const read = args(
      text,
      at + found[0].length,
      tools.find((tool) => tool.function.name === name),
    );
    if (read.args === "") break;
    calls.push({ function: { name, arguments: read.args }, ...(id === undefined ? {} : { id }) });
    at = read.end === undefined ? undefined : endOf(between, text, read.end);
  }
  return calls;
}

function endOf(pattern: RegExp, text: string, start: number): number | undefined {
  const found = matchAt(pattern, text, start);
  return found === undefined ? undefined : start + found[0].length;
}
