// A call that is written as one JSON object: {"name": "add", "arguments": {"a": 1}}.
import { type JsonNode, parseJson, readJson, skipSpace } from "../../base/json-text.js";
import type { WrittenCall } from "./call-form.js";

/**
 * @param keys  what the arguments may be called; the first that is there counts
 * @returns the call; undefined without a name, or where the arguments are no object
 */
export function toCall(text: string, node: JsonNode, keys: readonly string[]): WrittenCall | undefined {
  if (node.type !== "object") return undefined;
  const name = node.fields.get("name");
  const key = keys.find((each) => node.fields.has(each));
  const args = key === undefined ? undefined : argumentsText(text, node.fields.get(key));
  if (name?.type !== "string" || name.value === "" || args === undefined) return undefined;
  const id = node.fields.get("id");
  return {
    function: { name: name.value, arguments: args },
    ...(id?.type === "string" ? { id: id.value } : {}),
  };
}

/** The JSON object that begins at `start`, after white space; undefined where there is none. */
export function readObject(
  text: string,
  start: number,
): { readonly text: string; readonly end: number } | undefined {
  const node = readJson(text, start);
  return node?.type === "object" ? { text: text.slice(node.start, node.end), end: node.end } : undefined;
}

/** The JSON object from `start`, as far as it is written. */
export function readBegun(
  text: string,
  start: number,
): { readonly args: string; readonly end: number | undefined } {
  const object = text.charAt(start) === "{" ? readObject(text, start) : undefined;
  return object === undefined
    ? { args: text.slice(start), end: undefined }
    : { args: object.text, end: object.end };
}

/** Behind `mark`, which may have white space before it; undefined where it is not. */
export function skipMark(text: string, start: number, mark: string): number | undefined {
  const at = skipSpace(text, start);
  return text.startsWith(mark, at) ? at + mark.length : undefined;
}

// --- internal ---

/** The model's own JSON; written as a string that holds an object, that string's value. */
function argumentsText(text: string, node: JsonNode | undefined): string | undefined {
  if (node?.type === "object") return text.slice(node.start, node.end);
  if (node?.type === "string" && parseJson(node.value)?.type === "object") return node.value;
  return undefined;
}
