// Tool calls as Hermes and Qwen models write them, into OpenAI's shape:
//   <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>
// The JSON is read before the closing tag is looked for, so a tag inside a JSON string does no harm. No streaming here.

import { argumentError } from "../base/check.js";
import { type JsonNode, parseJson, readJson, skipSpace } from "../base/json-text.js";
import { checkOptions } from "../base/options.js";
import type { ToolCall } from "../types/chat.js";

export interface ParsedToolCalls {
  /** The text outside the calls; null when there are calls and nothing else. */
  readonly content: string | null;
  readonly toolCalls: readonly ToolCall[];
}

export interface ToolCallOptions {
  /** The ids are this and the call's index. Default "call_". Make it differ between the messages of a conversation. */
  readonly idPrefix?: string;
}

/**
 * What is not a well-formed call (no closing tag, no JSON, no name, arguments that are not an object)
 * stays text, and text without calls comes back as it is. `arguments` is the model's own JSON, byte for byte; arguments
 * written as a JSON string that holds an object become that string's value. White space around a call is dropped, and
 * texts before and after it are joined by a line break.
 * @throws E_ARGUMENT when the text is none, or for an option of another name; never for what the text says
 */
export function parseToolCalls(text: string, options: ToolCallOptions = {}): ParsedToolCalls {
  if (typeof text !== "string") throw argumentError("parseToolCalls", "the answer's text", text);
  checkOptions<ToolCallOptions>("parseToolCalls", options, { idPrefix: ["prefix", "id"] });
  const prefix = options.idPrefix ?? "call_";
  const toolCalls: ToolCall[] = [];
  const texts: string[] = [];
  let textStart = 0;
  for (let at = text.indexOf(kOpen); at !== -1; at = text.indexOf(kOpen, at)) {
    const call = readCall(text, at + kOpen.length);
    if (call === undefined) {
      at += kOpen.length;
      continue;
    }
    texts.push(text.slice(textStart, at));
    toolCalls.push({ id: `${prefix}${toolCalls.length}`, type: "function", function: call.function });
    textStart = at = call.end;
  }
  if (toolCalls.length === 0) return { content: text, toolCalls };
  texts.push(text.slice(textStart));
  return { content: joinAround(texts), toolCalls };
}

// --- internal ---

const kOpen = "<tool_call>";
const kClose = "</tool_call>";

interface Call {
  readonly function: ToolCall["function"];
  /** Where the closing tag ends. */
  readonly end: number;
}

function readCall(text: string, start: number): Call | undefined {
  const json = readJson(text, start);
  if (json?.type !== "object") return undefined;
  const close = skipSpace(text, json.end);
  if (!text.startsWith(kClose, close)) return undefined;
  const name = json.fields.get("name");
  const args = argumentsText(text, json.fields.get("arguments"));
  if (name?.type !== "string" || name.value === "" || args === undefined) return undefined;
  return { function: { name: name.value, arguments: args }, end: close + kClose.length };
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
