// What the grammars of several families share.
import { choice, type Part, repeat, sequence, text } from "../../grammar/compose.js";
import type { WritableTool, WriteMeans } from "./call-form.js";

/** One of the tools' calls, and where several may stand together more of them. */
export function writeEach(
  tools: readonly WritableTool[],
  { isParallel }: WriteMeans,
  separator: Part,
  write: (tool: WritableTool) => Part,
): Part {
  const call = choice(...tools.map(write));
  return isParallel ? sequence(call, repeat(sequence(separator, call), 0, null)) : call;
}

/** {"name": "add", "arguments": {...}} */
export function writeJsonCall({ name }: WritableTool, key: string, args: Part): Part {
  return sequence(text(`{"name": ${JSON.stringify(name)}, "${key}": `), args, text("}"));
}

/** Nine letters and digits. */
export const shortIdPart: Part = () => ({
  kind: "repeat",
  node: {
    kind: "class",
    ranges: [
      [0x30, 0x39],
      [0x41, 0x5a],
      [0x61, 0x7a],
    ],
  },
  min: 9,
  max: 9,
});
