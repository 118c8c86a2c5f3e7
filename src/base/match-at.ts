// Regular expressions at a place in a text, without state between one use and the next.

/** @returns the match that begins at `at`, whatever the pattern's flags say of where; undefined where there is none */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  const sticky = new RegExp(pattern, `${pattern.flags.replace(/[gy]/g, "")}y`);
  sticky.lastIndex = at;
  return sticky.exec(text) ?? undefined;
}

/** The text as a pattern that it alone matches. */
export function escapePattern(text: string): string {
  return text.replace(/[$()*+./?[\\\]^{|}]/g, "\\$&");
}
