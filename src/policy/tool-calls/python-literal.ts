// Values as Python prints them, to JSON: some templates print a call's arguments so, and models write what they saw. Text, numbers, True, False,
// None, lists, tuples and dicts with keys of text; nothing else of the language.
import { skipSpace } from "../../base/json-text.js";
import { matchAt } from "../../base/match-at.js";

/** The literal that begins at `start`, as JSON, and where it ends; undefined where there is none. */
export function readPython(
  text: string,
  start: number,
): { readonly json: string; readonly end: number } | undefined {
  return readValue(text, skipSpace(text, start), 0);
}

// --- internal ---

const kMostDepth = 64;

interface Read {
  readonly json: string;
  readonly end: number;
}

function readValue(text: string, at: number, depth: number): Read | undefined {
  if (depth > kMostDepth) return undefined;
  const first = text.charAt(at);
  if (first === "'" || first === '"') return readString(text, at);
  if (first === "[") return readItems(text, at + 1, "]", depth);
  if (first === "(") return readItems(text, at + 1, ")", depth);
  if (first === "{") return readDict(text, at + 1, depth);
  const [word] = matchAt(/True|False|None|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/, text, at) ?? [];
  if (word === undefined) return undefined;
  return { json: kWords.get(word) ?? word, end: at + word.length };
}

const kWords: ReadonlyMap<string, string> = new Map([
  ["True", "true"],
  ["False", "false"],
  ["None", "null"],
]);

function readItems(text: string, start: number, close: string, depth: number): Read | undefined {
  const items: string[] = [];
  let at = skipSpace(text, start);
  while (text.charAt(at) !== close) {
    const item = readValue(text, at, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.json);
    const next = afterItem(text, item.end, close);
    if (next === undefined) return undefined;
    at = next;
  }
  return { json: `[${items.join(", ")}]`, end: at + 1 };
}

function readDict(text: string, start: number, depth: number): Read | undefined {
  const fields: string[] = [];
  let at = skipSpace(text, start);
  while (text.charAt(at) !== "}") {
    const key = readString(text, at);
    const colon = key === undefined ? at : skipSpace(text, key.end);
    const value =
      text.charAt(colon) === ":" ? readValue(text, skipSpace(text, colon + 1), depth + 1) : undefined;
    if (key === undefined || value === undefined) return undefined;
    fields.push(`${key.json}: ${value.json}`);
    const next = afterItem(text, value.end, "}");
    if (next === undefined) return undefined;
    at = next;
  }
  return { json: `{${fields.join(", ")}}`, end: at + 1 };
}

/** Where the next item or the closing bracket stands. */
function afterItem(text: string, end: number, close: string): number | undefined {
  const at = skipSpace(text, end);
  if (text.charAt(at) === ",") return skipSpace(text, at + 1);
  return text.charAt(at) === close ? at : undefined;
}

function readString(text: string, start: number): Read | undefined {
  const [quoted] = matchAt(/'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/, text, start) ?? [];
  if (quoted === undefined) return undefined;
  const value = quoted
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g,
      (_, x?: string, u?: string, long?: string, other = "") => {
        const hex = x ?? u ?? long;
        if (hex === undefined) return kEscapes.get(other) ?? `\\${other}`;
        const point = Number.parseInt(hex, 16);
        return point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
      },
    );
  return { json: JSON.stringify(value), end: start + quoted.length };
}

const kEscapes: ReadonlyMap<string, string> = new Map([
  ...["\\", "'", '"'].map((mark) => [mark, mark] as const),
  ...Object.entries({ n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", a: "\x07", "0": "\0", "\n": "" }),
]);
