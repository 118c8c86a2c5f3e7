// A JSON reader (RFC 8259) that keeps what JSON.parse drops: where each value stands, how numbers are spelled, and the
// order of keys that look like integers. Accepts what JSON.parse accepts, up to a nesting of 256.

/** A value and where it stands: `text.slice(start, end)`. */
export type JsonNode = { readonly start: number; readonly end: number } & JsonValue;

export type JsonValue =
  /** A repeated key keeps its first place and its last value, as in JSON.parse and in Python. */
  | { readonly type: "object"; readonly fields: ReadonlyMap<string, JsonNode> }
  | { readonly type: "array"; readonly items: readonly JsonNode[] }
  | { readonly type: "string"; readonly value: string }
  /** The number as it is spelled. */
  | { readonly type: "number"; readonly spelling: string }
  | { readonly type: "literal"; readonly value: boolean | null };

/**
 * Reads the one value that begins at `start`, after white space; what follows it is not looked at.
 * @returns undefined when there is no valid value
 */
export function readJson(text: string, start = 0): JsonNode | undefined {
  return readValue(text, skipSpace(text, start), 0);
}

/** @returns the first position from `start` on that is not JSON's white space */
export function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && " \t\n\r".includes(text.charAt(at))) at++;
  return at;
}

/** @returns the node of a text that is one JSON value and nothing else, undefined for other text */
export function parseJson(text: string): JsonNode | undefined {
  const node = readJson(text);
  return node !== undefined && skipSpace(text, node.end) === text.length ? node : undefined;
}

// --- internal ---

const kMaxDepth = 256;

function readValue(text: string, start: number, depth: number): JsonNode | undefined {
  if (depth > kMaxDepth) return undefined;
  switch (text[start]) {
    case "{":
      return readObject(text, start, depth);
    case "[":
      return readArray(text, start, depth);
    case '"':
      return readString(text, start);
    default:
      return readScalar(text, start);
  }
}

function readObject(text: string, start: number, depth: number): JsonNode | undefined {
  const fields = new Map<string, JsonNode>();
  let at = skipSpace(text, start + 1);
  if (text[at] === "}") return { type: "object", fields, start, end: at + 1 };
  for (;;) {
    const key = text[at] === '"' ? readString(text, at) : undefined;
    if (key?.type !== "string") return undefined;
    at = skipSpace(text, key.end);
    if (text[at] !== ":") return undefined;
    const value = readValue(text, skipSpace(text, at + 1), depth + 1);
    if (value === undefined) return undefined;
    fields.set(key.value, value);
    at = skipSpace(text, value.end);
    if (text[at] === "}") return { type: "object", fields, start, end: at + 1 };
    if (text[at] !== ",") return undefined;
    at = skipSpace(text, at + 1);
  }
}

function readArray(text: string, start: number, depth: number): JsonNode | undefined {
  const items: JsonNode[] = [];
  let at = skipSpace(text, start + 1);
  if (text[at] === "]") return { type: "array", items, start, end: at + 1 };
  for (;;) {
    const item = readValue(text, at, depth + 1);
    if (item === undefined) return undefined;
    items.push(item);
    at = skipSpace(text, item.end);
    if (text[at] === "]") return { type: "array", items, start, end: at + 1 };
    if (text[at] !== ",") return undefined;
    at = skipSpace(text, at + 1);
  }
}

function readString(text: string, start: number): JsonNode | undefined {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text[at];
    if (unit === "\\") at++;
    if (unit !== '"') continue;
    try {
      const value: unknown = JSON.parse(text.slice(start, at + 1));
      return typeof value === "string" ? { type: "string", value, start, end: at + 1 } : undefined;
    } catch {
      return undefined; // a control character or a wrong escape: not a string
    }
  }
  return undefined;
}

function readScalar(text: string, start: number): JsonNode | undefined {
  kScalar.lastIndex = start;
  const spelling = kScalar.exec(text)?.[0];
  if (spelling === undefined) return undefined;
  const end = start + spelling.length;
  const value = kLiterals.get(spelling);
  return value === undefined
    ? { type: "number", spelling, start, end }
    : { type: "literal", value, start, end };
}

const kScalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const kLiterals: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);
