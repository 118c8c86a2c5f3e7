// Python literals as proxies write them into span attributes: lists, tuples, dicts, strings, numbers, True, False, None.
// Not an expression parser: no bytes, sets, prefixes or arithmetic.

/** @returns undefined when the text is not one literal; JSON is read as well */
export function parsePythonLiteral(text: string): unknown {
  const reader: Reader = { text, at: 0 };
  const value = readValue(reader, 0);
  skipSpace(reader);
  return reader.at === text.length ? value : undefined;
}

// --- internal ---

interface Reader {
  readonly text: string;
  /** Beyond the end once something was wrong: nothing reads on from there. */
  at: number;
}

const kWords: Readonly<Record<string, unknown>> = {
  True: true,
  False: false,
  None: null,
  true: true,
  false: false,
  null: null,
};
const kEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  a: "\x07",
  v: "\v",
};
const kMaxDepth = 100;

function readValue(reader: Reader, depth: number): unknown {
  skipSpace(reader);
  const start = reader.text[reader.at] ?? "";
  if (depth > kMaxDepth) return fail(reader);
  if (start === "[") return readItems(reader, "]", depth);
  if (start === "(") return readItems(reader, ")", depth);
  if (start === "{") return readDict(reader, depth);
  if (start === "'" || start === '"') return readString(reader, start);
  const word = take(reader, /[+-]?[\w.]+(?:(?<=[eE])[+-]\d+)?/y);
  if (word in kWords) return kWords[word];
  return /^[+-]?(\d|\.\d)/.test(word) && !Number.isNaN(Number(word)) ? Number(word) : fail(reader);
}

function readItems(reader: Reader, end: string, depth: number): unknown[] {
  const items: unknown[] = [];
  reader.at++;
  while (!ends(reader, end)) {
    items.push(readValue(reader, depth + 1));
    if (!separates(reader, end)) fail(reader);
  }
  return items;
}

function readDict(reader: Reader, depth: number): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  reader.at++;
  while (!ends(reader, "}")) {
    const key = readValue(reader, depth + 1);
    skipSpace(reader);
    if (reader.text[reader.at++] !== ":") fail(reader);
    entries.push([String(key), readValue(reader, depth + 1)]);
    if (!separates(reader, "}")) fail(reader);
  }
  return Object.fromEntries(entries);
}

// Past a comma, or before the end.
function separates(reader: Reader, end: string): boolean {
  skipSpace(reader);
  if (reader.text[reader.at] === ",") reader.at++;
  else return reader.text[reader.at] === end;
  return true;
}

// Past the end, also when something was wrong, so that loops stop.
function ends(reader: Reader, end: string): boolean {
  skipSpace(reader);
  if (reader.at >= reader.text.length) fail(reader);
  else if (reader.text[reader.at] === end) reader.at++;
  else return false;
  return true;
}

function readString(reader: Reader, quote: string): string {
  let value = "";
  for (reader.at++; reader.at < reader.text.length; reader.at++) {
    const char = reader.text[reader.at] ?? "";
    if (char === quote) {
      reader.at++;
      return value;
    }
    value += char === "\\" ? readEscape(reader) : char;
  }
  fail(reader);
  return value;
}

function readEscape(reader: Reader): string {
  const code = /[xu]([0-9a-fA-F]{2})([0-9a-fA-F]{2})?|U([0-9a-fA-F]{8})/y;
  const char = reader.text[++reader.at] ?? "";
  code.lastIndex = reader.at;
  const [match, two, four, eight] = code.exec(reader.text) ?? [];
  if (match === undefined || (char === "u" && four === undefined)) return kEscapes[char] ?? char;
  const digits = char === "x" ? two : char === "u" ? `${two}${four}` : eight;
  reader.at += digits?.length ?? 0;
  return String.fromCodePoint(Math.min(Number.parseInt(digits ?? "0", 16), 0x10ffff));
}

function take(reader: Reader, pattern: RegExp): string {
  pattern.lastIndex = reader.at;
  const [match = ""] = pattern.exec(reader.text) ?? [];
  reader.at += match.length;
  return match;
}

function skipSpace(reader: Reader): void {
  take(reader, /\s*/y);
}

function fail(reader: Reader): undefined {
  reader.at = reader.text.length + 1;
  return undefined;
}
