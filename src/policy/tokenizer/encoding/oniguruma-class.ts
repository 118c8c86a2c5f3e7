// Character classes of Oniguruma as classes of JavaScript's flag v: properties after the tables of Unicode that the
// tokenizers library has, brackets within brackets, intersections.
import { classBody, kUnassigned } from "./older-unicode.js";
import { type Reader, UnsupportedPattern } from "./oniguruma-reader.js";

/** Parts of a class are kept as bodies: what stands between [ and ]. */
export function classPart(body: string): string {
  return `[${body}]`;
}

/** The body of a letter, with its other cases where case does not count. */
export function foldedLetter(character: string, ignoreCase: boolean): string {
  const forms = ignoreCase ? casesOf(character) : [character];
  return forms.map(literal).join("");
}

/** The body of what follows a backslash; \w differs by a few characters inside and outside of brackets. */
export function propertyClass(reader: Reader, ignoreCase: boolean, where: "inside" | "outside"): string {
  const name = reader.characters[reader.at++] ?? "";
  const word = where === "outside" ? `${kWord}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}` : kWord;
  const classes: Readonly<Record<string, string>> = {
    s: "\\p{White_Space}",
    d: known("\\p{Nd}"),
    w: known(word),
    h: "0-9a-fA-F",
  };
  const found = Object.hasOwn(classes, name.toLowerCase()) ? classes[name.toLowerCase()] : undefined;
  if (found !== undefined) return name === name.toLowerCase() ? found : `[^${found}]`;
  if (name === "p" || name === "P") return property(reader, name, ignoreCase);
  return foldedLetter(escapedCharacter(reader, name), ignoreCase);
}

/** Reads from after the opening bracket to after the closing one. */
export function readClass(reader: Reader, ignoreCase: boolean): string {
  const isNegated = reader.characters[reader.at] === "^";
  if (isNegated) reader.at++;
  if (reader.characters[reader.at] === "]") throw new UnsupportedPattern("a class that begins with ]");
  const operands: string[] = [""];
  while (reader.characters[reader.at] !== "]") {
    if (reader.at >= reader.characters.length) throw new UnsupportedPattern("a [ without its ]");
    if (startsWith(reader, "&&")) {
      reader.at += 2;
      operands.push("");
    } else {
      operands[operands.length - 1] += item(reader, ignoreCase);
    }
  }
  reader.at++;
  if (operands.includes("")) throw new UnsupportedPattern("an empty side of &&");
  const body = operands.length === 1 ? (operands[0] ?? "") : operands.map(classPart).join("&&");
  return `[${isNegated ? "^" : ""}${body}]`;
}

// --- internal ---

const kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
const kNewer = classBody(kUnassigned);

/** Without the characters that those tables do not have. */
function known(body: string): string {
  return `[[${body}]--[${kNewer}]]`;
}

const literal = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

function startsWith(reader: Reader, text: string): boolean {
  return reader.characters.slice(reader.at, reader.at + text.length).join("") === text;
}

/** One member: a character, a range, a property, a class. */
function item(reader: Reader, ignoreCase: boolean): string {
  if (startsWith(reader, "[:")) return posixClass(reader, ignoreCase);
  if (reader.characters[reader.at] === "[") {
    reader.at++;
    return readClass(reader, ignoreCase);
  }
  const first = member(reader, ignoreCase);
  if (reader.characters[reader.at] !== "-" || reader.characters[reader.at + 1] === "]") return first.body;
  if (first.character === undefined) throw new UnsupportedPattern("a range that begins with a class");
  reader.at++;
  if (startsWith(reader, "[")) throw new UnsupportedPattern("a range that ends with a class");
  const last = member(reader, ignoreCase);
  if (last.character === undefined) throw new UnsupportedPattern("a range that ends with a class");
  return range(first.character, last.character, ignoreCase);
}

interface Member {
  readonly body: string;
  /** Undefined for a class. */
  readonly character?: string;
}

function member(reader: Reader, ignoreCase: boolean): Member {
  const character = reader.characters[reader.at++] ?? "";
  if (character !== "\\") return { body: foldedLetter(character, ignoreCase), character };
  const name = reader.characters[reader.at] ?? "";
  if (/[sdwhpP]/i.test(name)) return { body: propertyClass(reader, ignoreCase, "inside") };
  reader.at++;
  const escaped = escapedCharacter(reader, name);
  return { body: foldedLetter(escaped, ignoreCase), character: escaped };
}

function range(first: string, last: string, ignoreCase: boolean): string {
  const [low = 0, high = 0] = [first.codePointAt(0), last.codePointAt(0)];
  const shown = `the range ${first}-${last}`;
  if (low > high) throw new UnsupportedPattern(shown);
  const body = `${literal(first)}-${literal(last)}`;
  if (!ignoreCase) return body;
  if (high > 0x7f) throw new UnsupportedPattern(`${shown} without regard to case`);
  const letters = Array.from({ length: high - low + 1 }, (_, i) => String.fromCharCode(low + i));
  return letters.flatMap(casesOf).map(literal).join("");
}

const kControls: Readonly<Record<string, string>> = {
  t: "\t",
  n: "\n",
  r: "\r",
  f: "\f",
  v: "\v",
  a: "\x07",
  e: "\x1b",
};

function escapedCharacter(reader: Reader, name: string): string {
  const control = Object.hasOwn(kControls, name) ? kControls[name] : undefined;
  if (control !== undefined) return control;
  const text = reader.characters.slice(reader.at, reader.at + 12).join("");
  const hex =
    name === "x" ? /^(?:\{([0-9a-f]{1,8})\}|([0-9a-f]{1,2}))/i : name === "u" ? /^([0-9a-f]{4})/i : undefined;
  const found = hex?.exec(text);
  if (found) {
    const code = Number.parseInt(found[1] ?? found[2] ?? "", 16);
    // A byte of two digits above 7f is part of a character in UTF-8.
    if (code > 0x10ffff || (found[2] !== undefined && code > 0x7f)) {
      throw new UnsupportedPattern(`\\${name}${found[0]}`);
    }
    reader.at += found[0].length;
    return String.fromCodePoint(code);
  }
  if (name === "" || /[0-9A-Za-z]/.test(name)) throw new UnsupportedPattern(`\\${name}`);
  return name;
}

function casesOf(character: string): readonly string[] {
  if (!/[a-z]/i.test(character)) {
    const hasCases = character.toLowerCase() !== character || character.toUpperCase() !== character;
    if (hasCases) throw new UnsupportedPattern(`${character} without regard to case`);
    return [character];
  }
  const lower = character.toLowerCase();
  const more = lower === "s" ? ["\u017f"] : lower === "k" ? ["\u212a"] : [];
  return [lower, lower.toUpperCase(), ...more];
}

const kPosix: Readonly<Record<string, string>> = {
  alpha: known("\\p{Alphabetic}"),
  alnum: known("\\p{Alphabetic}\\p{Nd}"),
  digit: known("\\p{Nd}"),
  punct: known("\\p{P}\\p{S}"),
  space: "\\p{White_Space}",
  word: known(kWord),
  xdigit: "0-9a-fA-F",
};

function posixClass(reader: Reader, ignoreCase: boolean): string {
  const text = reader.characters.slice(reader.at, reader.at + 20).join("");
  const [all, not = "", name = ""] = /^\[:(\^?)(\w+):\]/.exec(text) ?? [];
  const body = Object.hasOwn(kPosix, name) ? kPosix[name] : undefined;
  if (all === undefined || body === undefined || (ignoreCase && name !== "space" && name !== "digit")) {
    throw new UnsupportedPattern(`the class ${all ?? text}`);
  }
  reader.at += all.length;
  return not === "" ? body : `[^${body}]`;
}

// Scripts that pre-tokenizers name; others have not been compared.
const kScripts = ["Han", "Hiragana", "Katakana", "Hangul", "Latin", "Cyrillic", "Arabic", "Thai"];
const kCategories = /^(?:L[ulmot]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|Cc)$/;

function property(reader: Reader, letter: "p" | "P", ignoreCase: boolean): string {
  const text = reader.characters.slice(reader.at, reader.at + 30).join("");
  const [all, not = "", name = ""] = /^\{(\^?)(\w+)\}/.exec(text) ?? [];
  if (all === undefined) throw new UnsupportedPattern(`\\${letter}${text.slice(0, 3)}`);
  const unsupported = new UnsupportedPattern(`\\${letter}${all}`);
  if (ignoreCase && /^L[ult]$/.test(name)) throw unsupported;
  reader.at += all.length;
  const body = propertyBody(name);
  if (body === undefined) throw unsupported;
  return (letter === "P") !== (not === "^") ? `[^${body}]` : body;
}

function propertyBody(name: string): string | undefined {
  if (kCategories.test(name)) return recategorized(name, known(`\\p{${name}}`));
  if (kScripts.includes(name)) return known(`\\p{Script=${name}}`);
  return name === "Alphabetic" || name === "Alpha" ? known("\\p{Alphabetic}") : undefined;
}

/** U+0295 was a small letter until Unicode 16. */
function recategorized(name: string, body: string): string {
  if (name === "Ll") return `${body}\\u{295}`;
  return name === "Lo" ? `[${body}--[\\u{295}]]` : body;
}
