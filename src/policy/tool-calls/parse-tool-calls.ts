// Tool calls as models write them, into OpenAI's shape. What a thought, a code fence or a quotation says is talk about calls and no call.
// No streaming here.
import { argumentError, checkBoolean, checkInteger, checkOneOf } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { ToolCall, ToolDefinition } from "../../types/chat.js";
import type { CallBlock, CallForm, WrittenCall } from "./call-form.js";
import { callForms, type ToolCallFamily, toolCallFamilies } from "./call-forms.js";
import { findCalls } from "./find-calls.js";
import { isShortId, shortId } from "./short-ids.js";

export interface ParsedToolCalls {
  /** The text outside the calls; null when there are calls and nothing else. */
  readonly content: string | null;
  readonly toolCalls: readonly ToolCall[];
  /** How many calls were begun that are not well formed, and so stayed text; absent: none. */
  readonly malformed?: number;
}

export interface ToolCallOptions {
  /** Whose way of writing calls it is. Default "hermes", which is also Qwen2.5's and Qwen3's. */
  readonly family?: ToolCallFamily;
  /** What may be called. Where a form writes values without quotes ("qwen-xml"), the schemas tell text from JSON: without them all is text. */
  readonly tools?: readonly ToolDefinition[];
  /** The ids are this and the call's index, or nine letters and digits made of them for a family that has such ids and gave none. Default "call_". Make it differ between the messages of a conversation. */
  readonly idPrefix?: string;
  /** Whether the prompt ended inside a thought, so that the text begins in it. Default: a thought's end without a beginning tells. */
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
  checkToolCallOptions(options);
  const { family = "hermes", tools = [], idPrefix = "call_", inThought, most } = options;
  const form = callForms[family];
  const { blocks, malformed } = findCalls(text, { form, tools, inThought });
  const counted = malformed > 0 ? { malformed } : {};
  const { kept, calls } = cut(blocks, most);
  if (calls.length === 0) return { content: text, toolCalls: [], ...counted };
  const ends = [0, ...kept.map(({ end }) => end)];
  const texts = [...kept.map(({ start }, i) => text.slice(ends[i], start)), text.slice(ends.at(-1))];
  if (calls.length === most) texts[kept.length] = "";
  return { content: joinAround(texts), toolCalls: toToolCalls(calls, form, idPrefix), ...counted };
}

/** The calls of one message, with their ids. */
export function toToolCalls(
  calls: readonly WrittenCall[],
  { hasShortIds }: CallForm,
  idPrefix: string,
): readonly ToolCall[] {
  const ids = hasShortIds ? shortIds(calls, idPrefix) : calls.map((_, i) => `${idPrefix}${i}`);
  return calls.map((call, i) => ({ id: ids[i] ?? "", type: "function", function: call.function }));
}

// --- internal ---

const kNames: OptionNames<ToolCallOptions> = {
  family: ["form", "format", "parser", "tool_call_parser"],
  tools: ["functions"],
  idPrefix: ["prefix", "id"],
  inThought: [],
  most: ["limit"],
};

function checkToolCallOptions(options: ToolCallOptions): void {
  const who = "parseToolCalls";
  checkOptions(who, options, kNames);
  const { family, tools, inThought, most } = options;
  if (family !== undefined) checkOneOf(who, "family", family, toolCallFamilies);
  if (tools !== undefined && !Array.isArray(tools))
    throw argumentError(who, "tools to be a list of definitions", tools);
  checkBoolean(who, "inThought", inThought);
  if (most !== undefined) checkInteger(who, "most", most, { min: 1 });
}

/** The first `most` calls, and the blocks that they stand in. */
function cut(
  blocks: readonly CallBlock[],
  most = Number.POSITIVE_INFINITY,
): { readonly kept: readonly CallBlock[]; readonly calls: readonly WrittenCall[] } {
  const kept: CallBlock[] = [];
  const calls: WrittenCall[] = [];
  for (const block of blocks) {
    if (calls.length >= most) break;
    kept.push(block);
    calls.push(...block.calls.slice(0, most - calls.length));
  }
  return { kept, calls };
}

/** The model's own where it wrote a good one that no other call of the message has. */
function shortIds(calls: readonly WrittenCall[], prefix: string): readonly string[] {
  const given = new Set<string>();
  return calls.map(({ id }, i) => {
    const own = isShortId(id) && !given.has(id) ? id : shortId(`${prefix}${i}`);
    given.add(own);
    return own;
  });
}

// The texts before, between and after calls, without the white space that touches a call.
function joinAround(texts: readonly string[]): string | null {
  const last = texts.length - 1;
  const trimmed = texts.map((text, i) =>
    i === 0 ? text.trimEnd() : i === last ? text.trimStart() : text.trim(),
  );
  return trimmed.filter((text) => text !== "").join("\n") || null;
}
