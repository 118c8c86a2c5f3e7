// Tool calls as Hermes and Qwen models write them, into OpenAI's shape:
//   <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>
// The JSON is read before the closing tag is looked for, so a tag inside a JSON string does no harm. What a thought, a code fence or a
// quotation says is talk about calls and no call. No streaming here.
import { argumentError, checkBoolean, checkInteger } from "../base/check.js";
import { type JsonNode, parseJson, readJson, skipSpace } from "../base/json-text.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { ToolCall } from "../types/chat.js";
import { followsQuote, isQuoted, lastParagraph } from "./quoted-text.js";

export interface ParsedToolCalls {
  /** The text outside the calls; null when there are calls and nothing else. */
  readonly content: string | null;
  readonly toolCalls: readonly ToolCall[];
}

export interface ToolCallOptions {
  /** The ids are this and the call's index. Default "call_". Make it differ between the messages of a conversation. */
  readonly idPrefix?: string;
  /** The prompt ended inside a thought, so the text begins in it. Default false. */
  readonly inThought?: boolean;
  /** The text ends with this many calls: what stands behind the last of them is left out. Default: as many as there are. */
  readonly most?: number;
}

/**
 * What is not a well-formed call (no closing tag, no JSON, no name, arguments that are not an object), or stands in a
 * thought (`<think>...</think>`), in a code fence or in quotes, stays text, and text without calls comes back as it is. `arguments` is
 * the model's own JSON, byte for byte; arguments written as a JSON string that holds an object become that string's value. White space
 * around a call is dropped, and texts before and after it are joined by a line break.
 * @throws E_ARGUMENT when the text is none, or for an option of another name or kind; never for what the text says
 */
export function parseToolCalls(text: string, options: ToolCallOptions = {}): ParsedToolCalls {
  if (typeof text !== "string") throw argumentError("parseToolCalls", "the answer's text", text);
  checkOptions("parseToolCalls", options, kNames);
  const { idPrefix: prefix = "call_", inThought = false, most } = options;
  checkBoolean("parseToolCalls", "inThought", inThought);
  if (most !== undefined) checkInteger("parseToolCalls", "most", most, { min: 1 });
  const calls = findCalls(text, inThought).slice(0, most);
  if (calls.length === 0) return { content: text, toolCalls: [] };
  const ends = [0, ...calls.map(({ end }) => end)];
  const texts = [...calls.map(({ start }, i) => text.slice(ends[i], start)), text.slice(ends.at(-1))];
  if (calls.length === most) texts[calls.length] = "";
  return {
    content: joinAround(texts),
    toolCalls: calls.map((call, i) => ({ id: `${prefix}${i}`, type: "function", function: call.function })),
  };
}

/** The call that is written at `start`, which is where its opening tag begins. */
export function readCall(text: string, start: number): WrittenCall | undefined {
  if (!text.startsWith(kOpen, start)) return undefined;
  const json = readJson(text, start + kOpen.length);
  if (json?.type !== "object") return undefined;
  const close = skipSpace(text, json.end);
  if (!text.startsWith(kClose, close)) return undefined;
  const name = json.fields.get("name");
  const args = argumentsText(text, json.fields.get("arguments"));
  if (name?.type !== "string" || name.value === "" || args === undefined) return undefined;
  return { function: { name: name.value, arguments: args }, start, end: close + kClose.length };
}

export interface WrittenCall {
  readonly function: ToolCall["function"];
  readonly start: number;
  /** Where the closing tag ends. */
  readonly end: number;
}

// --- internal ---

const kNames: OptionNames<ToolCallOptions> = { idPrefix: ["prefix", "id"], inThought: [], most: ["limit"] };

const kOpen = "<tool_call>";
const kClose = "</tool_call>";
const kThoughtEnd = "</think>";
/** Stands for a call that is shown: the marks on both sides of it are two. */
const kShown = "_";
const kTurn = /<tool_call>|<\/?think>|^ {0,3}(?<fence>`{3,}(?=[^`\n]*$)|~{3,})/gm;

/** The calls that are meant, in order. */
function findCalls(text: string, inThought: boolean): WrittenCall[] {
  const turns = new RegExp(kTurn);
  let calls: WrittenCall[] = [];
  // What was said in this paragraph, without the calls that it shows.
  let lead = "";
  let from = 0;
  const skipTo = (end: number, isSaid: boolean) => {
    lead = isSaid ? lead : "";
    from = turns.lastIndex = end;
  };
  skipTo(inThought ? endOf(text, kThoughtEnd, 0) : 0, false);
  for (let turn = turns.exec(text); turn !== null; turn = turns.exec(text)) {
    const [mark] = turn;
    if (turn.groups?.fence !== undefined) skipTo(endOfFence(text, turn.index, turn.groups.fence), false);
    else if (mark === kThoughtEnd) {
      // A thought that the prompt began.
      if (!followsQuote(text, turn.index)) {
        calls = [];
        skipTo(turns.lastIndex, false);
      }
    } else if (mark !== kOpen) {
      if (!followsQuote(text, turn.index)) skipTo(endOf(text, kThoughtEnd, turn.index), false);
    } else {
      const call = readCall(text, turn.index);
      if (call === undefined) continue;
      lead = lastParagraph(lead + text.slice(from, call.start));
      const isShown = isQuoted(lead, text.slice(call.end));
      if (isShown) lead += kShown;
      else calls.push(call);
      skipTo(call.end, isShown);
    }
  }
  return calls;
}

/** Behind the next `mark`, or the text's end. */
function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at + mark.length;
}

/** Behind the line that closes the fence, or the text's end. */
function endOfFence(text: string, start: number, fence: string): number {
  const close = fence.startsWith("`") ? /^ {0,3}(`{3,})[ \t]*$/gm : /^ {0,3}(~{3,})[ \t]*$/gm;
  close.lastIndex = endOf(text, "\n", start);
  for (let line = close.exec(text); line !== null; line = close.exec(text)) {
    if ((line[1]?.length ?? 0) >= fence.length) return close.lastIndex;
  }
  return text.length;
}

function argumentsText(text: string, node: JsonNode | undefined): string | undefined {
  if (node?.type === "object") return text.slice(node.start, node.end);
  if (node?.type === "string" && parseJson(node.value)?.type === "object") return node.value;
  return undefined;
}

// The texts before, between and after calls, without the white space that touches a call.
function joinAround(texts: readonly string[]): string | null {
  const last = texts.length - 1;
  const trimmed = texts.map((text, i) =>
    i === 0 ? text.trimEnd() : i === last ? text.trimStart() : text.trim(),
  );
  return trimmed.filter((text) => text !== "").join("\n") || null;
}
