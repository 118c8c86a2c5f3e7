// Tokens one after the other, for the parsers.
import type { Token } from "./lexer.js";
import { SyntaxFault } from "./syntax-fault.js";

export interface TokenStream {
  readonly current: Token;
  readonly following: Token;
  /** Goes on. @returns the token that was current */
  next(): Token;
  /** Whether the current token is of a type, or is a certain name. */
  is(type: string, name?: string): boolean;
  /** Goes on over such a token. @returns whether there was one */
  skip(type: string, name?: string): boolean;
  /** @throws SyntaxFault where the current token is another */
  expect(type: string, name?: string): Token;
  /** @throws SyntaxFault, always */
  fail(problem: string): never;
}

/** @param tokens  the last of which is the end of the source */
export function createTokenStream(tokens: readonly Token[]): TokenStream {
  const end: Token = tokens.at(-1) ?? { type: "end of source", text: "", line: 1 };
  let at = 0;
  const stream: TokenStream = {
    get current() {
      return tokens[at] ?? end;
    },
    get following() {
      return tokens[at + 1] ?? end;
    },
    next() {
      const token = stream.current;
      at++;
      return token;
    },
    is(type, name) {
      const token = stream.current;
      return token.type === type && (name === undefined || token.text === name);
    },
    skip(type, name) {
      const isThere = stream.is(type, name);
      if (isThere) at++;
      return isThere;
    },
    expect(type, name) {
      if (stream.is(type, name)) return stream.next();
      return stream.fail(`expected ${name ?? type}, got ${describe(stream.current)}`);
    },
    fail(problem) {
      throw new SyntaxFault(problem, stream.current.line);
    },
  };
  return stream;
}

// --- internal ---

function describe({ type, text }: Token): string {
  return type === "name" || type === "constant" ? JSON.stringify(text) : type;
}
