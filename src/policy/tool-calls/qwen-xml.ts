// Qwen3-Coder, Qwen3.5 and Nemotron 3:
//   <tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>
// Values have no quotes and may hold line ends and `<`. One ends at the first </parameter> behind which the call goes on or ends, so that only
// a value that holds just that is cut short. The outer tag, which models forget, may be absent.
import { skipSpace } from "../../base/json-text.js";
import { sequence, text } from "../../grammar/compose.js";
import type { CallForm } from "./call-form.js";
import { skipMark } from "./json-call.js";
import { createParameterTypes } from "./parameter-types.js";
import { writeEach } from "./write-calls.js";
import { writeParameters } from "./write-parameters.js";
import { readTyped, readValue, type Types } from "./xml-value.js";

export const qwenXml: CallForm = {
  marks: ["<tool_call>", "<function="],
  isBare: false,
  closers: ["</tool_call>", "</function>"],
  hasShortIds: false,
  readBlock(written, start, tools) {
    const open = skipMark(written, start, "<tool_call>");
    const head = new RegExp(kHead);
    head.lastIndex = skipSpace(written, open ?? start);
    const name = head.exec(written)?.groups?.name?.trim();
    if (name === undefined || name === "") return undefined;
    const typesOf = createParameterTypes(tools.find((tool) => tool.function.name === name));
    const values = new Map<string, string>();
    let at = head.lastIndex;
    for (let next = readParameter(written, at, typesOf); next !== undefined; ) {
      values.set(next.name, next.json);
      at = next.end;
      next = readParameter(written, at, typesOf);
    }
    const inner = skipMark(written, at, "</function>");
    const end = inner !== undefined && open !== undefined ? skipMark(written, inner, "</tool_call>") : inner;
    if (end === undefined) return undefined;
    const fields = [...values].map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
    return { calls: [{ function: { name, arguments: `{${fields.join(", ")}}` } }], start, end };
  },
  write(tools, means) {
    const [open, close] = [means.tag("<tool_call>"), means.tag("</tool_call>")];
    return writeEach(tools, means, text("\n"), (tool) =>
      sequence(
        ...[open, text(`\n<function=${tool.name}>\n`), writeParameters(tool)],
        ...[text("</function>\n"), close],
      ),
    );
  },
};

// --- internal ---

const kHead = /<function=(?<name>[^>\n]*)>/y;
const kParameter = /<parameter=(?<name>[^>\n]*)>/y;
const kEnd = /<\/parameter>(?=\s*(?:<parameter=|<\/function>))/g;

interface Parameter {
  readonly name: string;
  readonly json: string;
  readonly end: number;
}

function readParameter(text: string, start: number, typesOf: (name: string) => Types): Parameter | undefined {
  const head = new RegExp(kParameter);
  head.lastIndex = skipSpace(text, start);
  const name = head.exec(text)?.groups?.name?.trim();
  if (name === undefined || name === "") return undefined;
  const types = typesOf(name);
  // Tags inside of JSON are told from its end.
  const typed = readTyped(text, head.lastIndex, types);
  const end = typed && skipMark(text, typed.end, "</parameter>");
  if (typed !== undefined && end !== undefined) return { name, json: typed.json, end };
  const close = new RegExp(kEnd);
  close.lastIndex = head.lastIndex;
  const found = close.exec(text);
  if (found === null) return undefined;
  // The line ends around it are the form's.
  const value = text.slice(head.lastIndex, found.index).replace(/^\n/, "").replace(/\n$/, "");
  return { name, json: readValue(value, types), end: close.lastIndex };
}
