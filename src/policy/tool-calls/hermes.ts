// Hermes 2 Pro and 3, Qwen2.5, Qwen3 and who learned from them:
//   <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>
// The JSON is read before the closing tag is looked for, so a tag inside a JSON string does no harm.
import { readJson } from "../../base/json-text.js";
import type { CallForm } from "./call-form.js";
import { skipMark, toCall } from "./json-call.js";

export const hermes: CallForm = {
  marks: ["<tool_call>"],
  isBare: false,
  closers: ["</tool_call>"],
  hasShortIds: false,
  readBlock(text, start) {
    const open = skipMark(text, start, "<tool_call>");
    const json = open === undefined ? undefined : readJson(text, open);
    const end = json && skipMark(text, json.end, "</tool_call>");
    const call = json && toCall(text, json, ["arguments"]);
    return call === undefined || end === undefined ? undefined : { calls: [call], start, end };
  },
};
