// A template's source as tokens, as jinja2's lexer makes them with trim_blocks and lstrip_blocks: every line end is "\n", one at the end of the
// source is dropped, `-` strips white space, `+` keeps it, and blocks take the line end behind them and the blanks before them.
import { readString } from "./string-literal.js";
import { SyntaxFault } from "./syntax-fault.js";
import { kSpace, stripText } from "./text.js";
import { Float, toInteger, type Value } from "./values.js";

/** `type` is an operator's own text, or one of these. */
export type TokenType =
  | "data"
  | "begin {{"
  | "end }}"
  | "begin {%"
  | "end %}"
  | "name"
  | "constant"
  | "end of source";

export interface Token {
  readonly type: TokenType | (string & {});
  /** Of data and names. */
  readonly text: string;
  /** Of constants. */
  readonly value?: Value;
  /** From 1. */
  readonly line: number;
}

/** @throws SyntaxFault */
export function readTokens(source: string): Token[] {
  const text = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const reader: Reader = { text, at: 0, line: 1, isLineStart: true, tokens: [] };
  while (reader.at < text.length) {
    const opening = readData(reader);
    if (opening === "{#") skipComment(reader);
    else if (opening === "raw") readRaw(reader);
    else if (opening !== undefined) readInside(reader, opening);
  }
  reader.tokens.push({ type: "end of source", text: "", line: reader.line });
  return reader.tokens;
}

// --- internal ---

interface Reader {
  readonly text: string;
  at: number;
  line: number;
  /** Whether what was read last ends a line. */
  isLineStart: boolean;
  readonly tokens: Token[];
}

const sticky = (source: string, flags = "") => new RegExp(source, `y${flags}`);
const kOpening = sticky(
  `([^]*?)(?:(\\{%([-+]?)${kSpace}*raw${kSpace}*(?:-%\\}${kSpace}*|%\\}))|(\\{%|\\{\\{|\\{#)([-+]?))`,
);
const kCommentEnd = sticky(`[^]*?(?:\\+#\\}|-#\\}${kSpace}*|#\\}\\n?)`);
const kRawEnd = sticky(`([^]*?)\\{%([-+]?)${kSpace}*endraw${kSpace}*(?:\\+%\\}|-%\\}${kSpace}*|%\\}\\n?)`);
const kEnds = {
  "{%": sticky(`\\+%\\}|-%\\}${kSpace}*|%\\}\\n?`),
  "{{": sticky(`-\\}\\}${kSpace}*|\\}\\}`),
} as const;
const kWhite = sticky(`${kSpace}+`);
const kFloat = sticky(
  "(?<!\\.)(?:\\d+_)*\\d+(?:(?:\\.(?:\\d+_)*\\d+)?e[+-]?(?:\\d+_)*\\d+|\\.(?:\\d+_)*\\d+)",
  "i",
);
const kInteger = sticky("0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\\da-f])+|[1-9](?:_?\\d)*|0(?:_?0)*", "i");
const kName = sticky("[\\p{L}\\p{N}_]+", "u");
const kString = sticky(`'(?:[^'\\\\]|\\\\[^])*'|"(?:[^"\\\\]|\\\\[^])*"`);
const kOperator = sticky("//|\\*\\*|==|!=|>=|<=|[-+/*%~[\\](){}><=.:|,;]");

function take(reader: Reader, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (found === null) return null;
  reader.at = pattern.lastIndex;
  reader.isLineStart = found[0].endsWith("\n");
  return found;
}

function countLines(reader: Reader, text: string): void {
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) reader.line++;
}

/** Reads data up to the next tag. @returns what the tag opens, undefined where the source ends first */
function readData(reader: Reader): "{%" | "{{" | "{#" | "raw" | undefined {
  const { at, isLineStart } = reader;
  const found = take(reader, kOpening);
  if (found === null) {
    pushData(reader, reader.text.slice(at), reader.text.slice(at));
    reader.at = reader.text.length;
    return undefined;
  }
  const [all, data = "", raw, rawSign, opening = "", sign] = found;
  const kept = stripBefore(data, rawSign ?? sign ?? "", opening === "{{", isLineStart);
  pushData(reader, kept, all);
  if (raw !== undefined) return "raw";
  return opening === "{%" || opening === "{{" ? opening : "{#";
}

function pushData(reader: Reader, data: string, all: string): void {
  if (data !== "") reader.tokens.push({ type: "data", text: data, line: reader.line });
  countLines(reader, all);
}

function stripBefore(data: string, sign: string, isPrinted: boolean, isLineStart: boolean): string {
  if (sign === "-") return stripText(data, "right");
  if (sign === "+" || isPrinted) return data;
  const line = data.lastIndexOf("\n") + 1;
  const isIndent = (line > 0 || isLineStart) && kIndent.test(data.slice(line));
  return isIndent ? data.slice(0, line) : data;
}

const kIndent = new RegExp(`^${kSpace}+$`);

function skipComment(reader: Reader): void {
  const found = take(reader, kCommentEnd);
  if (found === null) throw new SyntaxFault("a comment without end", reader.line);
  countLines(reader, found[0]);
}

function readRaw(reader: Reader): void {
  const { isLineStart } = reader;
  const found = take(reader, kRawEnd);
  if (found === null) throw new SyntaxFault("a raw block without end", reader.line);
  const [all, data = "", sign = ""] = found;
  pushData(reader, stripBefore(data, sign, false, isLineStart), all);
}

function readInside(reader: Reader, opening: "{%" | "{{"): void {
  const { tokens } = reader;
  tokens.push({ type: `begin ${opening}`, text: opening, line: reader.line });
  const brackets: string[] = [];
  while (reader.at < reader.text.length) {
    const end = brackets.length === 0 ? take(reader, kEnds[opening]) : null;
    if (end !== null) {
      tokens.push({ type: opening === "{%" ? "end %}" : "end }}", text: end[0], line: reader.line });
      countLines(reader, end[0]);
      return;
    }
    readToken(reader, brackets);
  }
}

function readToken(reader: Reader, brackets: string[]): void {
  const { tokens, line } = reader;
  const white = take(reader, kWhite);
  if (white !== null) {
    countLines(reader, white[0]);
    return;
  }
  const number = take(reader, kFloat) ?? take(reader, kInteger);
  if (number !== null) {
    tokens.push({ type: "constant", text: number[0], value: toNumber(number[0]), line });
    return;
  }
  const name = take(reader, kName)?.[0];
  if (name !== undefined) {
    if (/^\p{N}/u.test(name) && !/^\p{Nl}/u.test(name))
      throw new SyntaxFault(`a name cannot be "${name}"`, line);
    tokens.push({ type: "name", text: name, line });
    return;
  }
  const string = take(reader, kString)?.[0];
  if (string !== undefined) {
    tokens.push({ type: "constant", text: string, value: readString(string.slice(1, -1), line), line });
    countLines(reader, string);
    return;
  }
  readOperator(reader, brackets);
}

function readOperator(reader: Reader, brackets: string[]): void {
  const { line } = reader;
  const operator = take(reader, kOperator)?.[0];
  if (operator === undefined) {
    const unit = String.fromCodePoint(reader.text.codePointAt(reader.at) ?? 0);
    throw new SyntaxFault(`an unexpected ${JSON.stringify(unit)}`, line);
  }
  const closing = kBrackets[operator];
  if (closing !== undefined) brackets.push(closing);
  else if (operator === "}" || operator === ")" || operator === "]") {
    const expected = brackets.pop();
    if (expected !== operator) throw new SyntaxFault(`an unexpected "${operator}"`, line);
  }
  reader.tokens.push({ type: operator, text: operator, line });
}

const kBrackets: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };

function toNumber(spelling: string): Value {
  const digits = spelling.replaceAll("_", "");
  const isWhole = /^(?:0[xob][\da-f]+|\d+)$/i.test(digits);
  return isWhole ? toInteger(BigInt(digits)) : new Float(Number(digits));
}
