// DeepSeek's two forms, between <｜tool▁calls▁begin｜> and <｜tool▁calls▁end｜>:
//   V3, R1  <｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{"a": 1}\n```<｜tool▁call▁end｜>
//   V3.1    <｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>
// Some of their templates leave the last tag out, so it may be absent.
import { type Part, sequence, text } from "../../grammar/compose.js";
import type { CallForm, HeldForm, WritableTool, WrittenCall } from "./call-form.js";
import { readBegun, readObject, skipMark } from "./json-call.js";
import { writeEach } from "./write-calls.js";

const kHeld = { begin: /<｜tool▁calls▁begin｜>\s*/, args: readBegun };
const kFencedHeld: HeldForm = {
  ...kHeld,
  head: /<｜tool▁call▁begin｜>function<｜tool▁sep｜>(?<name>[^\n<]+)\n```json\n/,
  between: /\s*```<｜tool▁call▁end｜>\s*/,
};
const kPlainHeld: HeldForm = {
  ...kHeld,
  head: /<｜tool▁call▁begin｜>(?<name>[^\n<]+)<｜tool▁sep｜>/,
  between: /<｜tool▁call▁end｜>\s*/,
};

export const deepseekV3: CallForm = createForm(
  readFenced,
  kFencedHeld,
  text("\n"),
  ({ name }, separator, args) =>
    sequence(text("function"), separator, text(`${name}\n\`\`\`json\n`), args, text("\n```")),
);

export const deepseekV31: CallForm = createForm(
  readPlain,
  kPlainHeld,
  text(""),
  ({ name }, separator, args) => sequence(text(name), separator, args),
);

// --- internal ---

interface Read {
  readonly call: WrittenCall;
  readonly end: number;
}

function createForm(
  readCall: (text: string, name: string, start: number) => Read | undefined,
  held: HeldForm,
  between: Part,
  writeCall: (tool: WritableTool, separator: Part, args: Part) => Part,
): CallForm {
  return {
    marks: ["<｜tool▁calls▁begin｜>"],
    isBare: false,
    closers: ["<｜tool▁calls▁end｜>"],
    hasShortIds: false,
    names: /^[^\s<](?:[^\n<]*[^\s<])?$/,
    held,
    readBlock(written, start) {
      const calls: WrittenCall[] = [];
      let end = skipMark(written, start, "<｜tool▁calls▁begin｜>");
      while (end !== undefined) {
        const begin = skipMark(written, end, "<｜tool▁call▁begin｜>");
        if (begin === undefined) break;
        const separator = written.indexOf("<｜tool▁sep｜>", begin);
        if (separator < 0) return undefined;
        const read = readCall(
          written,
          written.slice(begin, separator).trim(),
          separator + "<｜tool▁sep｜>".length,
        );
        const close = read && skipMark(written, read.end, "<｜tool▁call▁end｜>");
        if (read === undefined || close === undefined) return undefined;
        calls.push(read.call);
        end = close;
      }
      if (end === undefined || calls.length === 0) return undefined;
      return { calls, start, end: skipMark(written, end, "<｜tool▁calls▁end｜>") ?? end };
    },
    write(tools, means) {
      const { tag } = means;
      const open = tag("<｜tool▁call▁begin｜>");
      const [separator, close] = [tag("<｜tool▁sep｜>"), tag("<｜tool▁call▁end｜>")];
      const calls = writeEach(tools, means, between, (tool) =>
        sequence(open, writeCall(tool, separator, means.json(tool)), close),
      );
      return sequence(tag("<｜tool▁calls▁begin｜>"), calls, tag("<｜tool▁calls▁end｜>"));
    },
  };
}

/** The name stands behind the separator; before it, the type. */
function readFenced(text: string, _type: string, start: number): Read | undefined {
  const line = text.indexOf("\n", start);
  const name = line < 0 ? "" : text.slice(start, line).trim();
  const open = name === "" || name.includes("<｜") ? undefined : skipMark(text, line, "```json");
  const args = open === undefined ? undefined : readObject(text, open);
  const end = args && skipMark(text, args.end, "```");
  if (args === undefined || end === undefined) return undefined;
  return { call: { function: { name, arguments: args.text } }, end };
}

function readPlain(text: string, name: string, start: number): Read | undefined {
  const args = readObject(text, start);
  if (args === undefined || name === "" || name.includes("<｜")) return undefined;
  return { call: { function: { name, arguments: args.text } }, end: args.end };
}
