// Statements by the grammar of jinja2, with `break`, `continue` and transformers' `generation`. Tags that need other templates are refused by name.
import { readTokens } from "./lexer.js";
import { parseExpression, parseFilters, parseTuple } from "./parse-expression.js";
import type { Block, Macro, Parameter, Statement, Target } from "./syntax.js";
import { SyntaxFault } from "./syntax-fault.js";
import { createTokenStream, type TokenStream } from "./token-stream.js";

/** @throws SyntaxFault */
export function parseTemplate(source: string): Block {
  const block = parseBlock(createTokenStream(readTokens(source)), []);
  checkControls(block, false);
  return block;
}

// --- internal ---

/** Up to a tag of one of the names, whose name becomes the current token; for none, up to the end of the source. */
function parseBlock(stream: TokenStream, ends: readonly string[]): Block {
  const block: Statement[] = [];
  while (!stream.is("end of source")) {
    if (stream.is("data")) {
      block.push({ kind: "data", text: stream.next().text });
    } else if (stream.skip("begin {{")) {
      block.push({ kind: "print", value: parseTuple(stream) });
      stream.expect("end }}");
    } else {
      stream.expect("begin {%");
      if (stream.is("name") && ends.includes(stream.current.text)) return block;
      block.push(...parseStatement(stream));
      stream.expect("end %}");
    }
  }
  if (ends.length > 0) stream.fail(`expected ${ends.join(" or ")}, got the end of the source`);
  return block;
}

// `break` and `continue` stand in loops, and what becomes a function of its own in Python is in none.
function checkControls(block: Block, isInLoop: boolean): void {
  for (const statement of block) {
    const { kind } = statement;
    if ((kind === "break" || kind === "continue") && !isInLoop)
      throw new SyntaxFault(`{% ${kind} %} outside a loop`);
    if (kind === "call block") checkControls(statement.macro.body, false);
    if ("otherwise" in statement) checkControls(statement.otherwise, isInLoop);
    if ("body" in statement) {
      const isFunction = kind === "macro" || kind === "generation";
      checkControls(statement.body, kind === "for" || (isInLoop && !isFunction));
    }
  }
}

/** The body of a tag and its end; the tag's own end comes first. */
function parseBody(stream: TokenStream, end: string): Block {
  const body = parseBodyTo(stream, [end]);
  stream.next();
  return body;
}

function parseBodyTo(stream: TokenStream, ends: readonly string[]): Block {
  stream.skip(":");
  stream.expect("end %}");
  return parseBlock(stream, ends);
}

type Parse = (stream: TokenStream) => readonly Statement[];

function parseStatement(stream: TokenStream): readonly Statement[] {
  const { text: tag, type } = stream.current;
  if (type !== "name") stream.fail(`expected the name of a tag, got ${type}`);
  const parse = kStatements.get(tag);
  if (parse !== undefined) {
    stream.next();
    return parse(stream);
  }
  return stream.fail(kUnserved.has(tag) ? `{% ${tag} %}, which is not served,` : `an unknown tag "${tag}"`);
}

const kUnserved = new Set(["autoescape", "block", "extends", "from", "import", "include"]);

const kStatements: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ["if", (stream) => [parseIf(stream)]],
  ["for", (stream) => [parseFor(stream)]],
  ["set", (stream) => [parseSet(stream)]],
  ["with", (stream) => [parseWith(stream)]],
  ["macro", (stream) => [parseMacro(stream)]],
  ["call", (stream) => [parseCallBlock(stream)]],
  ["filter", (stream) => [parseFilterBlock(stream)]],
  ["print", parsePrint],
  ["generation", (stream) => [{ kind: "generation", body: parseBody(stream, "endgeneration") }]],
  ["break", () => [{ kind: "break" }]],
  ["continue", () => [{ kind: "continue" }]],
]);

function parseIf(stream: TokenStream): Statement {
  const test = parseTuple(stream, { hasChoice: false });
  const body = parseBodyTo(stream, ["elif", "else", "endif"]);
  const { text: end } = stream.next();
  if (end === "elif") return { kind: "if", test, body, otherwise: [parseIf(stream)] };
  return { kind: "if", test, body, otherwise: end === "else" ? parseBody(stream, "endif") : [] };
}

function parseFor(stream: TokenStream): Statement {
  const target = parseTarget(stream, "in");
  stream.expect("name", "in");
  const of = parseTuple(stream, { hasChoice: false, end: "recursive" });
  const test = stream.skip("name", "if") ? parseExpression(stream) : undefined;
  const isRecursive = stream.skip("name", "recursive");
  const body = parseBodyTo(stream, ["endfor", "else"]);
  const otherwise = stream.next().text === "else" ? parseBody(stream, "endfor") : [];
  return { kind: "for", target, of, test, isRecursive, body, otherwise };
}

function parseSet(stream: TokenStream): Statement {
  const target = parseTarget(stream, undefined, true);
  if (stream.skip("=")) return { kind: "set", target, value: parseTuple(stream) };
  const filter = parseFilters(stream, undefined);
  return { kind: "set block", target, filter, body: parseBody(stream, "endset") };
}

function parseWith(stream: TokenStream): Statement {
  const pairs: (readonly [Target, ReturnType<typeof parseExpression>])[] = [];
  while (!stream.is("end %}")) {
    if (pairs.length > 0) stream.expect(",");
    const target = parseOneTarget(stream, false);
    stream.expect("=");
    pairs.push([target, parseExpression(stream)]);
  }
  return { kind: "with", pairs, body: parseBody(stream, "endwith") };
}

function parseMacro(stream: TokenStream): Macro {
  const name = parseName(stream);
  const parameters = parseParameters(stream);
  return { kind: "macro", name, parameters, body: parseBody(stream, "endmacro") };
}

function parseCallBlock(stream: TokenStream): Statement {
  const parameters = stream.is("(") ? parseParameters(stream) : [];
  const call = parseExpression(stream);
  if (call.kind !== "call") return stream.fail("expected a call");
  const body = parseBody(stream, "endcall");
  return { kind: "call block", call, macro: { kind: "macro", name: "caller", parameters, body } };
}

function parseFilterBlock(stream: TokenStream): Statement {
  const filter = parseFilters(stream, undefined, true);
  if (filter === undefined) return stream.fail("expected a filter");
  return { kind: "filter block", filter, body: parseBody(stream, "endfilter") };
}

function parsePrint(stream: TokenStream): readonly Statement[] {
  const printed: Statement[] = [];
  while (!stream.is("end %}")) {
    if (printed.length > 0) stream.expect(",");
    printed.push({ kind: "print", value: parseExpression(stream) });
  }
  return printed;
}

function parseParameters(stream: TokenStream): Parameter[] {
  const parameters: Parameter[] = [];
  stream.expect("(");
  while (!stream.is(")")) {
    if (parameters.length > 0) stream.expect(",");
    const name = parseName(stream);
    const standard = stream.skip("=") ? parseExpression(stream) : undefined;
    if (standard === undefined && parameters.at(-1)?.standard !== undefined)
      stream.fail("a parameter without default behind one with a default");
    parameters.push({ name, standard });
  }
  stream.expect(")");
  return parameters;
}

const kReserved = new Set(["true", "false", "none", "True", "False", "None"]);

function parseName(stream: TokenStream): string {
  const { text } = stream.expect("name");
  return kReserved.has(text) ? stream.fail(`${text} cannot be assigned to`) : text;
}

/** @param end  a name behind which there are no further targets */
function parseTarget(stream: TokenStream, end: string | undefined, hasMembers = false): Target {
  const items: Target[] = [];
  let isTuple = false;
  while (true) {
    const isEnd = stream.is("=") || stream.is("end %}") || stream.is(")") || stream.is("|");
    if (isEnd || (end !== undefined && stream.is("name", end))) break;
    items.push(parseOneTarget(stream, hasMembers));
    if (!stream.skip(",")) break;
    isTuple = true;
  }
  const [first] = items;
  if (first === undefined) return stream.fail("expected a name to assign to");
  return isTuple ? { kind: "tuple", items } : first;
}

function parseOneTarget(stream: TokenStream, hasMembers: boolean): Target {
  if (stream.skip("(")) {
    const inner = parseTarget(stream, undefined, hasMembers);
    stream.expect(")");
    return inner;
  }
  const name = parseName(stream);
  if (!hasMembers || !stream.skip(".")) return { kind: "name", name };
  return { kind: "member", of: name, name: stream.expect("name").text };
}
