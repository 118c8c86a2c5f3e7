// What chat templates use of Python's built-ins and @huggingface/jinja lacks or does otherwise.

/**
 * str.strip, lstrip and rstrip.
 * @param chars  what is stripped: any of these characters; undefined: white space by str.isspace
 */
export function stripText(text: string, side: "both" | "left" | "right", chars?: string): string {
  const units = Array.from(text);
  const set = chars === undefined ? undefined : new Set(chars);
  const isStripped = (unit: string) => (set === undefined ? isPythonSpace(unit) : set.has(unit));
  const start = side === "right" ? 0 : units.findIndex((unit) => !isStripped(unit));
  const end = side === "left" ? units.length - 1 : units.findLastIndex((unit) => !isStripped(unit));
  return start === -1 ? "" : units.slice(start, end + 1).join("");
}

/** range(stop), range(start, stop) and range(start, stop, step). */
export function pythonRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length }, (_, i) => start + i * step);
}

// --- internal ---

// Unlike JavaScript's \s it has the separators 1C to 1F and NEL, and not the byte order mark.
function isPythonSpace(unit: string): boolean {
  return unit === "\ufeff" ? false : /\s/.test(unit) || "\x1c\x1d\x1e\x1f\x85".includes(unit);
}
