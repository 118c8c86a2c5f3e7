// Hermes 2 Pro and 3, Qwen2.5, Qwen3 and who learned from them:
//   <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>
// The JSON is read before the closing tag is looked for, so a tag inside a JSON string does no harm.
import { readJson } from "../../base/json-text.js";
import { choice, sequence, text } from "../../grammar/compose.js";
import type { CallForm } from "./call-form.js";
import { readBegun, skipMark, toCall } from "./json-call.js";
import { writeEach, writeJsonCall } from "./write-calls.js";

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
  held: {
    head: /<tool_call>\s*\{"name": "(?<name>[^"\\]+)", "arguments": /,
    between: /\}\s*<\/tool_call>\s*/,
    args: readBegun,
  },
  write(tools, means) {
    const [open, close] = [means.tag("<tool_call>"), means.tag("</tool_call>")];
    return writeEach(tools, means, choice(text("\n"), text(" \n")), (tool) => {
      const args = means.json(tool);
      // Hermes' own order, and everybody else's.
      const first = sequence(text('{ "arguments": '), args, text(`, "name": ${JSON.stringify(tool.name)}}`));
      return sequence(
        open,
        text("\n"),
        choice(writeJsonCall(tool, "arguments", args), first),
        text("\n"),
        close,
      );
    });
  },
};
