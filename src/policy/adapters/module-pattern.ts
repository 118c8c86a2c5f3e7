// Patterns of module names in adapter_config.json are Python regular expressions. The part of that language which
// means the same in JavaScript and cannot run long is accepted; the rest is refused.

/**
 * @param expression  the expression to be matched against a whole module path
 * @param pattern  the foreign part of it, which decides whether it is simple
 * @returns undefined when the pattern is not simple
 */
export function modulePattern(expression: string, pattern: string): RegExp | undefined {
  if (pattern.length > 1000 || !kSimple.test(pattern) || count(pattern, /[+*]/g) > 2) return undefined;
  if (count(pattern, /\(/g) > 2 || count(pattern, /\|/g) > 16) return undefined;
  try {
    return new RegExp(`^(?:${expression})$`);
  } catch {
    // Unbalanced parentheses: not simple, and the caller says so.
    return undefined;
  }
}

// --- internal ---

// Names, dots, alternatives and groups; repetition only as `.*`, `\d+` and `[...]+`, lazy or not, never of a group.
const kSimple = /^\^?(?:[\w|()-]|\(\?:|\\\.|\\d(?:\+\??)?|\[[\w-]{1,99}\](?:\+\??)?|\.(?:\*\??)?)*\$?$/;

// Few repetitions and alternatives: what a pattern can cost grows with their product.
function count(text: string, what: RegExp): number {
  return text.match(what)?.length ?? 0;
}
