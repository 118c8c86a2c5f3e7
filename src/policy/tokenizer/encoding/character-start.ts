// Where a text may be cut: not between the two halves of a character.

/** Whether a character begins with this unit of UTF-16. */
export function isCharacterStart(code: number): boolean {
  return (code & 0xfc00) !== 0xdc00;
}

/** @returns `at`, or one more where that is between halves; the text's length beyond its end */
export function cutAt(text: string, at: number): number {
  if (at >= text.length) return text.length;
  return isCharacterStart(text.charCodeAt(at)) ? at : at + 1;
}
