// Mistral's three forms, by the version of the tokenizer that writes them (mistral-common):
//   v3, v7  [TOOL_CALLS][{"name": "add", "arguments": {"a": 1}, "id": "VvvODy9mT"}, ...]
//   v11     [TOOL_CALLS]add[CALL_ID]VvvODy9mT[ARGS]{"a": 1}        once for each call
//   v13     [TOOL_CALLS]add[ARGS]{"a": 1}
import { readJson } from "../../base/json-text.js";
import type { CallForm, WrittenCall } from "./call-form.js";
import { readObject, skipMark, toCall } from "./json-call.js";

/** A list of calls. */
export const mistralV3: CallForm = {
  marks: ["[TOOL_CALLS]"],
  isBare: false,
  closers: ["]"],
  hasShortIds: true,
  readBlock(text, start) {
    const open = skipMark(text, start, kMark);
    const list = open === undefined ? undefined : readJson(text, open);
    if (list?.type !== "array" || list.items.length === 0) return undefined;
    const calls: WrittenCall[] = [];
    for (const item of list.items) {
      const call = toCall(text, item, ["arguments"]);
      if (call === undefined) return undefined;
      calls.push(call);
    }
    return { calls, start, end: list.end };
  },
};

/** A name, an id and arguments: ids are read where a model writes them, but v13 has none. */
export const mistralNamed: CallForm = {
  marks: ["[TOOL_CALLS]"],
  isBare: false,
  closers: ["}"],
  hasShortIds: true,
  readBlock(text, start) {
    const open = skipMark(text, start, kMark);
    if (open === undefined) return undefined;
    const head = new RegExp(kHead);
    head.lastIndex = open;
    const { name, id } = head.exec(text)?.groups ?? {};
    const args = name === undefined ? undefined : readObject(text, head.lastIndex);
    if (name === undefined || args === undefined) return undefined;
    const call = { function: { name, arguments: args.text }, ...(id === undefined ? {} : { id }) };
    return { calls: [call], start, end: args.end };
  },
};

// --- internal ---

const kMark = "[TOOL_CALLS]";
const kHead = /\s*(?<name>[^\s[\]{}]+)\s*(?:\[CALL_ID\]\s*(?<id>[^\s[\]{}]+)\s*)?\[ARGS\]/y;
