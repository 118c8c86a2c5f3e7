// Llama 3.1 to 3.3: the whole answer is {"name": "add", "parameters": {"a": 1}}, or it stands behind <|python_tag|>. Several calls, which the
// templates refuse but models write, are separated by semicolons.
import { readJson, skipSpace } from "../../base/json-text.js";
import { text } from "../../grammar/compose.js";
import type { CallForm, WrittenCall } from "./call-form.js";
import { readBegun, skipMark, toCall } from "./json-call.js";
import { writeEach, writeJsonCall } from "./write-calls.js";

export const llama: CallForm = {
  marks: ["<|python_tag|>"],
  isBare: true,
  closers: ["}"],
  hasShortIds: false,
  readBlock(text, start, tools) {
    const tag = skipMark(text, start, "<|python_tag|>");
    const calls: WrittenCall[] = [];
    let next: number | undefined = tag ?? start;
    let end = next;
    while (next !== undefined) {
      const json = readJson(text, skipSpace(text, next));
      const call = json && toCall(text, json, ["parameters", "arguments"]);
      if (json === undefined || call === undefined) return undefined;
      // Without the tag an object with a name is a call only where it names a tool.
      if (
        tag === undefined &&
        tools.length > 0 &&
        !tools.some((tool) => tool.function.name === call.function.name)
      )
        return undefined;
      calls.push(call);
      end = json.end;
      next = skipMark(text, end, ";");
    }
    return { calls, start, end };
  },
  held: { head: /\{"name": "(?<name>[^"\\]+)", "parameters": /, between: /\}\s*;\s*/, args: readBegun },
  write: (tools, means) =>
    writeEach(tools, means, text("; "), (tool) => writeJsonCall(tool, "parameters", means.json(tool))),
};
