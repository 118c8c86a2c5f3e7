// Expressions by the grammar of jinja2, whose precedences are not Python's: `~` binds closer than +, filters and tests closer than every operator,
// and ** goes from left to right.
import type { ArithmeticOperator } from "./arithmetic.js";
import { kNoArguments, parseArguments, parseConstant, parseItems, parseSubscript } from "./parse-parts.js";
import type { Arguments, Call, Comparison, Expression, Filter } from "./syntax.js";
import type { TokenStream } from "./token-stream.js";

/** @throws SyntaxFault */
export function parseExpression(stream: TokenStream, hasChoice = true): Expression {
  return hasChoice ? parseChoice(stream) : parseOr(stream);
}

/**
 * One expression, or several with commas between them, which are a tuple.
 * @param end  a name that ends it besides the end of the tag
 */
export function parseTuple(
  stream: TokenStream,
  { hasChoice = true, end, isInParentheses = false }: TupleOptions = {},
): Expression {
  const items: Expression[] = [];
  let isTuple = false;
  while (true) {
    if (items.length > 0) stream.expect(",");
    if (isEnd(stream, end)) break;
    items.push(parseExpression(stream, hasChoice));
    if (!stream.is(",")) break;
    isTuple = true;
  }
  const [first] = items;
  if (!isTuple && first !== undefined) return first;
  if (!isTuple && !isInParentheses) stream.fail("expected an expression");
  return { kind: "tuple", items };
}

/** Filters behind the current token, each applied to the one before. @param isBare  the first one's `|` is left out */
export function parseFilters<Of extends Expression | undefined>(
  stream: TokenStream,
  of: Of,
  isBare = false,
): Of | Filter {
  let filtered: Of | Filter = of;
  let isFirst = isBare;
  while (isFirst || stream.skip("|")) {
    isFirst = false;
    filtered = {
      kind: "filter",
      of: filtered,
      name: parseDottedName(stream),
      args: stream.is("(") ? parseArguments(stream, parseExpression) : kNoArguments,
    };
  }
  return filtered;
}

// --- internal ---

interface TupleOptions {
  readonly hasChoice?: boolean;
  readonly end?: string;
  readonly isInParentheses?: boolean;
}

function isEnd(stream: TokenStream, end: string | undefined): boolean {
  if (stream.is("end }}") || stream.is("end %}") || stream.is(")")) return true;
  return end !== undefined && stream.is("name", end);
}

function parseChoice(stream: TokenStream): Expression {
  let then = parseOr(stream);
  while (stream.skip("name", "if")) {
    const test = parseOr(stream);
    const otherwise = stream.skip("name", "else") ? parseChoice(stream) : undefined;
    then = { kind: "choice", test, then, otherwise };
  }
  return then;
}

function parseOr(stream: TokenStream): Expression {
  let left = parseAnd(stream);
  while (stream.skip("name", "or")) left = { kind: "or", left, right: parseAnd(stream) };
  return left;
}

function parseAnd(stream: TokenStream): Expression {
  let left = parseNot(stream);
  while (stream.skip("name", "and")) left = { kind: "and", left, right: parseNot(stream) };
  return left;
}

function parseNot(stream: TokenStream): Expression {
  if (stream.skip("name", "not")) return { kind: "not", of: parseNot(stream) };
  return parseComparison(stream);
}

const kComparisons = new Set<string>(["==", "!=", "<", "<=", ">", ">="]);

function parseComparison(stream: TokenStream): Expression {
  const first = parseSum(stream);
  const rest: Comparison[] = [];
  while (true) {
    const operator = comparisonOperator(stream);
    if (operator === undefined) break;
    rest.push({ operator, right: parseSum(stream) });
  }
  return rest.length === 0 ? first : { kind: "compare", first, rest };
}

function comparisonOperator(stream: TokenStream): Comparison["operator"] | undefined {
  if (kComparisons.has(stream.current.type)) return stream.next().type as Comparison["operator"];
  if (stream.skip("name", "in")) return "in";
  if (!stream.is("name", "not") || stream.following.type !== "name" || stream.following.text !== "in")
    return undefined;
  stream.next();
  stream.next();
  return "not in";
}

function parseSum(stream: TokenStream): Expression {
  return parseArithmetic(stream, ["+", "-"], parseJoin);
}

function parseJoin(stream: TokenStream): Expression {
  const first = parseProduct(stream);
  if (!stream.is("~")) return first;
  const items = [first];
  while (stream.skip("~")) items.push(parseProduct(stream));
  return { kind: "join", items };
}

function parseProduct(stream: TokenStream): Expression {
  return parseArithmetic(stream, ["*", "/", "//", "%"], parsePower);
}

function parsePower(stream: TokenStream): Expression {
  return parseArithmetic(stream, ["**"], (inner) => parseSigned(inner));
}

function parseArithmetic(
  stream: TokenStream,
  operators: readonly ArithmeticOperator[],
  parse: (stream: TokenStream) => Expression,
): Expression {
  let left = parse(stream);
  while (true) {
    const operator = operators.find((each) => stream.skip(each));
    if (operator === undefined) return left;
    left = { kind: "arithmetic", operator, left, right: parse(stream) };
  }
}

function parseSigned(stream: TokenStream, hasFilters = true): Expression {
  const sign = (["-", "+"] as const).find((each) => stream.skip(each));
  const base: Expression =
    sign === undefined ? parsePrimary(stream) : { kind: sign, of: parseSigned(stream, false) };
  const inner = parsePostfix(stream, base);
  return hasFilters ? parseFiltersAndTests(stream, inner) : inner;
}

function parsePrimary(stream: TokenStream): Expression {
  const { current } = stream;
  switch (current.type) {
    case "name":
      stream.next();
      return kConstants.get(current.text) ?? { kind: "name", name: current.text };
    case "constant":
      return parseConstant(stream);
    case "(": {
      stream.next();
      const inner = parseTuple(stream, { isInParentheses: true });
      stream.expect(")");
      return inner;
    }
    case "[":
      return { kind: "list", items: parseItems(stream, "[", "]", () => parseExpression(stream)) };
    case "{":
      return { kind: "dict", pairs: parseItems(stream, "{", "}", () => parsePair(stream)) };
    default:
      return stream.fail(`an unexpected ${current.type === "data" ? "end of the tag" : current.type}`);
  }
}

const kConstants: ReadonlyMap<string, Expression> = new Map<string, Expression>([
  ["true", { kind: "constant", value: true }],
  ["True", { kind: "constant", value: true }],
  ["false", { kind: "constant", value: false }],
  ["False", { kind: "constant", value: false }],
  ["none", { kind: "constant", value: null }],
  ["None", { kind: "constant", value: null }],
]);

function parsePair(stream: TokenStream): readonly [Expression, Expression] {
  const key = parseExpression(stream);
  stream.expect(":");
  return [key, parseExpression(stream)];
}

function parsePostfix(stream: TokenStream, base: Expression): Expression {
  let of = base;
  while (true) {
    if (stream.skip(".")) of = parseMember(stream, of);
    else if (stream.skip("[")) of = parseSubscript(stream, of, parseExpression);
    else if (stream.is("(")) of = parseCall(stream, of);
    else return of;
  }
}

function parseFiltersAndTests(stream: TokenStream, base: Expression): Expression {
  let of = base;
  while (true) {
    if (stream.is("|")) of = parseFilters(stream, of);
    else if (stream.skip("name", "is")) of = parseTest(stream, of);
    else if (stream.is("(")) of = parseCall(stream, of);
    else return of;
  }
}

function parseMember(stream: TokenStream, of: Expression): Expression {
  const { type, text, value } = stream.next();
  if (type === "name") return { kind: "attribute", of, name: text };
  if (typeof value !== "number") stream.fail("expected a name or a number behind the dot");
  return { kind: "item", of, key: { kind: "constant", value: value ?? null } };
}

function parseCall(stream: TokenStream, of: Expression): Call {
  return { kind: "call", of, args: parseArguments(stream, parseExpression) };
}

function parseDottedName(stream: TokenStream): string {
  let name = stream.expect("name").text;
  while (stream.skip(".")) name += `.${stream.expect("name").text}`;
  return name;
}

const kArgumentStarts = new Set(["name", "constant", "(", "[", "{"]);
const kBehindTests = new Set(["else", "or", "and"]);

function parseTest(stream: TokenStream, of: Expression): Expression {
  const isNegated = stream.skip("name", "not");
  const name = parseDottedName(stream);
  const test: Expression = { kind: "test", of, name, args: parseTestArguments(stream) };
  return isNegated ? { kind: "not", of: test } : test;
}

// Without parentheses a test takes one argument: `is divisibleby 3`.
function parseTestArguments(stream: TokenStream): Arguments {
  const { type, text } = stream.current;
  if (type === "(") return parseArguments(stream, parseExpression);
  if (!kArgumentStarts.has(type) || (type === "name" && kBehindTests.has(text))) return kNoArguments;
  if (type === "name" && text === "is") stream.fail("tests cannot be chained");
  return { ...kNoArguments, list: [parsePostfix(stream, parsePrimary(stream))] };
}
