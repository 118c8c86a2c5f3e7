// Qwen3-Coder, Qwen3.5 and Nemotron 3:
//   <tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>
// Values have no quotes and may hold line ends and `<`. One ends at the first </parameter> behind which the call goes on or ends, so that only
// a value that holds just that is cut short. The outer tag, which models forget, may be absent.
import { skipSpace } from "../../base/json-text.js";
import { matchAt } from "../../base/match-at.js";
import { sequence, text } from "../../grammar/compose.js";
import type { ToolDefinition } from "../../types/chat.js";
import type { CallForm, HeldForm } from "./call-form.js";
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
  names: /^[^\s>](?:[^>\n]*[^\s>])?$/,
  readBlock(written, start, tools) {
    const open = skipMark(written, start, "<tool_call>");
    const head = tagAt(kHead, written, open ?? start);
    if (head === undefined) return undefined;
    const { name } = head;
    const typesOf = createParameterTypes(tools.find((tool) => tool.function.name === name));
    const values = new Map<string, string>();
    let at = head.end;
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
  held: {
    head: /<tool_call>\s*<function=(?<name>[^>\n]+)>\s*/,
    between: /<\/tool_call>\s*/,
    args: readParameters,
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

const kHead = /<function=(?<name>[^>\n]*)>/;
const kParameter = /<parameter=(?<name>[^>\n]*)>/;
const kEnd = /<\/parameter>(?=\s*(?:<parameter=|<\/function>))/g;

/** The name in an opening tag, white space before it or not, and where the tag ends. */
function tagAt(
  tag: RegExp,
  text: string,
  start: number,
): { readonly name: string; readonly end: number } | undefined {
  const at = skipSpace(text, start);
  const found = matchAt(tag, text, at);
  const name = found?.groups?.name?.trim();
  return found === undefined || !name ? undefined : { name, end: at + found[0].length };
}

/** As far as parameters are complete, and of the last, if it is text, what is written of it. */
function readParameters(
  written: string,
  start: number,
  tool: ToolDefinition | undefined,
): ReturnType<HeldForm["args"]> {
  const typesOf = createParameterTypes(tool);
  const fields: string[] = [];
  let at = start;
  for (let next = readParameter(written, at, typesOf); next !== undefined; ) {
    fields.push(`${JSON.stringify(next.name)}: ${next.json}`);
    at = next.end;
    next = readParameter(written, at, typesOf);
  }
  const end = skipMark(written, at, "</function>");
  const before = `{${fields.join(", ")}`;
  if (end !== undefined) return { args: `${before}}`, end: skipSpace(written, end) };
  const begun = readBegunText(written, at, typesOf);
  const comma = fields.length > 0 ? ", " : "";
  return { args: begun === undefined ? before : before + comma + begun, end: undefined };
}

function readBegunText(written: string, start: number, typesOf: (name: string) => Types): string | undefined {
  const head = tagAt(kParameter, written, start);
  if (head === undefined || written.charAt(head.end) !== "\n") return undefined;
  const types = typesOf(head.name);
  if (types !== undefined && !(types.size === 1 && types.has("string"))) return undefined;
  const value = written.slice(head.end + 1);
  return `${JSON.stringify(head.name)}: ${JSON.stringify(certainText(value)).slice(0, -1)}`;
}

/** Of a value that goes on, what its end cannot be part of. */
function certainText(value: string): string {
  const close = value.indexOf(kClose);
  if (close >= 0) return value.slice(0, close);
  const line = value.lastIndexOf("\n");
  return line >= 0 && kClose.startsWith(value.slice(line)) ? value.slice(0, line) : value;
}

const kClose = "\n</parameter>";

interface Parameter {
  readonly name: string;
  readonly json: string;
  readonly end: number;
}

function readParameter(text: string, start: number, typesOf: (name: string) => Types): Parameter | undefined {
  const head = tagAt(kParameter, text, start);
  if (head === undefined) return undefined;
  const { name } = head;
  const types = typesOf(name);
  // Tags inside of JSON are told from its end.
  const typed = readTyped(text, head.end, types);
  const end = typed && skipMark(text, typed.end, "</parameter>");
  if (typed !== undefined && end !== undefined) return { name, json: typed.json, end };
  const close = new RegExp(kEnd);
  close.lastIndex = head.end;
  const found = close.exec(text);
  if (found === null) return undefined;
  // The line ends around it are the form's.
  const value = text.slice(head.end, found.index).replace(/^\n/, "").replace(/\n$/, "");
  return { name, json: readValue(value, types), end: close.lastIndex };
}
