// The parts of expressions that hold expressions in brackets. They are given the function that parses one.
import type { Arguments, Expression } from "./syntax.js";
import type { TokenStream } from "./token-stream.js";

export type Parse = (stream: TokenStream) => Expression;

/** Between an opening and a closing bracket, with commas between them and perhaps one at the end. */
export function parseItems<T>(stream: TokenStream, open: string, close: string, parse: () => T): T[] {
  stream.expect(open);
  const items: T[] = [];
  while (!stream.is(close)) {
    if (items.length > 0) stream.expect(",");
    if (stream.is(close)) break;
    items.push(parse());
  }
  stream.expect(close);
  return items;
}

/** Texts side by side are one. */
export function parseConstant(stream: TokenStream): Expression {
  let { value = null } = stream.next();
  while (typeof value === "string" && stream.is("constant") && typeof stream.current.value === "string") {
    value += String(stream.next().value);
  }
  return { kind: "constant", value };
}

/** Behind the opening bracket: an index, several (a tuple), or a slice. */
export function parseSubscript(stream: TokenStream, of: Expression, parse: Parse): Expression {
  const start = stream.is(":") ? undefined : parse(stream);
  if (start !== undefined && !stream.is(":")) return parseIndex(stream, of, start, parse);
  stream.expect(":");
  const isOmitted = () => stream.is(":") || stream.is("]");
  const stop = isOmitted() ? undefined : parse(stream);
  const step = stream.skip(":") && !stream.is("]") ? parse(stream) : undefined;
  if (stream.is(",")) stream.fail("slices beside other indices are not served");
  stream.expect("]");
  return { kind: "slice", of, parts: [start, stop, step] };
}

export const kNoArguments: Arguments = { list: [], named: [], restList: undefined, restNamed: undefined };

/** Arguments in parentheses. */
export function parseArguments(stream: TokenStream, parse: Parse): Arguments {
  const list: Expression[] = [];
  const named: [string, Expression][] = [];
  let restList: Expression | undefined;
  let restNamed: Expression | undefined;
  const check = (isAllowed: boolean) => {
    if (!isAllowed) stream.fail("arguments in a wrong order");
  };
  parseItems(stream, "(", ")", () => {
    if (stream.skip("*")) {
      check(restList === undefined && restNamed === undefined);
      restList = parse(stream);
    } else if (stream.skip("**")) {
      check(restNamed === undefined);
      restNamed = parse(stream);
    } else if (stream.is("name") && stream.following.type === "=") {
      check(restNamed === undefined);
      const name = stream.next().text;
      stream.next();
      named.push([name, parse(stream)]);
    } else {
      check(restList === undefined && restNamed === undefined && named.length === 0);
      list.push(parse(stream));
    }
  });
  return { list, named, restList, restNamed };
}

// --- internal ---

function parseIndex(stream: TokenStream, of: Expression, first: Expression, parse: Parse): Expression {
  const items = [first];
  while (stream.skip(",")) items.push(parse(stream));
  stream.expect("]");
  return { kind: "item", of, key: items.length === 1 ? first : { kind: "tuple", items } };
}
