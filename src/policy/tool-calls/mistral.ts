// Mistral's three forms, by the version of the tokenizer that writes them (mistral-common):
//   v3, v7  [TOOL_CALLS][{"name": "add", "arguments": {"a": 1}, "id": "VvvODy9mT"}, ...]
//   v11     [TOOL_CALLS]add[CALL_ID]VvvODy9mT[ARGS]{"a": 1}        once for each call
//   v13     [TOOL_CALLS]add[ARGS]{"a": 1}
import { readJson } from "../../base/json-text.js";
import { matchAt } from "../../base/match-at.js";
import { optional, sequence, text } from "../../grammar/compose.js";
import type { CallBlock, CallForm, WrittenCall } from "./call-form.js";
import { readBegun, readObject, skipMark, toCall } from "./json-call.js";
import { shortIdPart, writeEach } from "./write-calls.js";

const kHead = /\[TOOL_CALLS\]\s*(?<name>[^\s[\]{}]+)\s*(?:\[CALL_ID\]\s*(?<id>[^\s[\]{}]+)\s*)?\[ARGS\]/;

/** A list of calls. */
export const mistralV3: CallForm = {
  marks: ["[TOOL_CALLS]"],
  isBare: false,
  closers: ["]"],
  hasShortIds: true,
  readBlock(written, start) {
    const open = skipMark(written, start, kMark);
    const list = open === undefined ? undefined : readJson(written, open);
    if (list?.type !== "array" || list.items.length === 0) return undefined;
    const calls: WrittenCall[] = [];
    for (const item of list.items) {
      const call = toCall(written, item, ["arguments"]);
      if (call === undefined) return undefined;
      calls.push(call);
    }
    return { calls, start, end: list.end };
  },
  write(tools, means) {
    const id = optional(sequence(text(', "id": "'), shortIdPart, text('"')));
    const calls = writeEach(tools, means, text(", "), (tool) =>
      sequence(
        text(`{"name": ${JSON.stringify(tool.name)}, "arguments": `),
        ...[means.json(tool), id, text("}")],
      ),
    );
    return sequence(means.tag(kMark), optional(text(" ")), text("["), calls, text("]"));
  },
};

/** A name, an id and arguments. */
export const mistralV11: CallForm = named(true);

/** The same without the id, which is read where a model writes it. */
export const mistralV13: CallForm = named(false);

// --- internal ---

const kMark = "[TOOL_CALLS]";

function named(hasId: boolean): CallForm {
  return {
    marks: ["[TOOL_CALLS]"],
    isBare: false,
    closers: ["}"],
    hasShortIds: true,
    names: /^[^\s[\]{}]+$/,
    readBlock: readNamed,
    held: { head: kHead, between: /\s*/, args: readBegun },
    write: (tools, means) =>
      writeEach(tools, means, text(""), (tool) =>
        sequence(
          ...[means.tag(kMark), text(tool.name)],
          ...(hasId ? [means.tag("[CALL_ID]"), shortIdPart] : []),
          ...[means.tag("[ARGS]"), means.json(tool)],
        ),
      ),
  };
}

function readNamed(written: string, start: number): CallBlock | undefined {
  const head = matchAt(kHead, written, start);
  const { name, id } = head?.groups ?? {};
  const args = head === undefined ? undefined : readObject(written, start + head[0].length);
  if (name === undefined || args === undefined) return undefined;
  const call = { function: { name, arguments: args.text }, ...(id === undefined ? {} : { id }) };
  return { calls: [call], start, end: args.end };
}
