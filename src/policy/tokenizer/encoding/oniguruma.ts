// Oniguruma's regular expressions (Ruby's syntax), in which a tokenizer.json is written, as JavaScript's. What has no
// equal meaning here is refused by name, never passed on in the hope that it means the same.
import { classPart, foldedLetter, propertyClass, readClass } from "./oniguruma-class.js";
import { type Reader, UnsupportedPattern } from "./oniguruma-reader.js";

/**
 * @returns a regular expression with the flags g and v
 * @throws UnsupportedPattern naming the part that is not known
 */
export function compileOniguruma(pattern: string): RegExp {
  const reader: Reader = { characters: [...pattern], at: 0, atoms: 0 };
  const source = alternatives(reader, { ignoreCase: false, dotAll: false });
  if (reader.at < reader.characters.length) throw new UnsupportedPattern("a ) without its (");
  try {
    return new RegExp(source, "gv");
  } catch (cause) {
    throw new UnsupportedPattern(String(cause));
  }
}

/** Where the pattern matches, in order: an empty match never follows a match at once. */
export function* matchesOf(regex: RegExp, text: string): Generator<readonly [start: number, end: number]> {
  let at = 0;
  let lastEnd = -1;
  while (at <= text.length) {
    regex.lastIndex = at;
    const match = regex.exec(text);
    if (match === null) return;
    const start = match.index;
    const end = start + match[0].length;
    if (start === end && (end === lastEnd || isInsideCharacter(text, end))) {
      at = nextCharacter(text, end);
      continue;
    }
    at = end;
    lastEnd = end;
    yield [start, end];
  }
}

// --- internal ---

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

const kAny = "[\\p{Any}]";
const kStart = `(?<!${kAny})`;
const kEnd = `(?!${kAny})`;

/** JavaScript finds empty matches between the halves of a character, too. */
function isInsideCharacter(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

function nextCharacter(text: string, at: number): number {
  return at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
}

function alternatives(reader: Reader, flags: Flags): string {
  const parts: string[] = [];
  do parts.push(sequence(reader, flags));
  while (take(reader, "|"));
  return parts.join("|");
}

function sequence(reader: Reader, flags: Flags): string {
  let source = "";
  let previous = "";
  while (reader.at < reader.characters.length && !"|)".includes(peek(reader))) {
    if (previous !== "" && foldsWith(flags, previous, peek(reader))) {
      throw new UnsupportedPattern(`${previous}${peek(reader)} without regard to case`);
    }
    previous = /[a-z]/i.test(peek(reader)) ? peek(reader) : "";
    source += quantified(reader, atom(reader, flags));
  }
  return source;
}

/** Oniguruma takes a ligature for its letters where case does not count. */
function foldsWith(flags: Flags, letter: string, next: string): boolean {
  return flags.ignoreCase && ["ss", "st", "ff", "fi", "fl"].includes((letter + next).toLowerCase());
}

interface Atom {
  readonly source: string;
  readonly isAssertion?: boolean;
}

function atom(reader: Reader, flags: Flags): Atom {
  const character = next(reader);
  switch (character) {
    case "(":
      return group(reader, flags);
    case "[":
      return { source: readClass(reader, flags.ignoreCase) };
    case ".":
      return { source: flags.dotAll ? kAny : "[^\\n]" };
    case "^":
      return { source: `(?:${kStart}|(?<=\\n)(?=${kAny}))`, isAssertion: true };
    case "$":
      return { source: `(?:(?=\\n)|${kEnd})`, isAssertion: true };
    case "\\":
      return escaped(reader, flags);
    case "*":
    case "+":
    case "?":
      throw new UnsupportedPattern(`a ${character} that repeats nothing`);
    default:
      return { source: classPart(foldedLetter(character, flags.ignoreCase)) };
  }
}

function escaped(reader: Reader, flags: Flags): Atom {
  const name = peek(reader);
  if (name === "A" || name === "z" || name === "Z") {
    reader.at++;
    const ends = { A: kStart, z: kEnd, Z: `(?=\\n?${kEnd})` };
    return { source: ends[name], isAssertion: true };
  }
  return { source: classPart(propertyClass(reader, flags.ignoreCase, "outside")) };
}

const kGroups: readonly (readonly [open: string, source: string, isAssertion: boolean])[] = [
  ["?:", "(?:", false],
  ["?=", "(?=", true],
  ["?!", "(?!", true],
  ["?<=", "(?<=", true],
  ["?<!", "(?<!", true],
];

function group(reader: Reader, flags: Flags): Atom {
  for (const [open, source, isAssertion] of kGroups) {
    if (takeText(reader, open)) return { source: `${source}${rest(reader, flags)})`, isAssertion };
  }
  if (takeText(reader, "?>")) return { source: atomic(reader, rest(reader, flags)) };
  const name = /^\?<[A-Za-z_]\w*>/.exec(reader.characters.slice(reader.at, reader.at + 40).join(""))?.[0];
  if (name !== undefined) reader.at += name.length;
  else if (peek(reader) === "?") return flagged(reader, flags);
  return { source: `(?:${rest(reader, flags)})` };
}

function flagged(reader: Reader, flags: Flags): Atom {
  const begin = reader.at;
  const text = reader.characters.slice(begin).join("");
  const found = /^\?([im]*)(?:-([im]+))?([:)])/.exec(text);
  if (found === null) throw new UnsupportedPattern(`the group (${text.slice(0, 4)}`);
  const [all, on = "", off = "", end] = found;
  const isOn = (flag: string, before: boolean) => (on.includes(flag) || before) && !off.includes(flag);
  const inside = { ignoreCase: isOn("i", flags.ignoreCase), dotAll: isOn("m", flags.dotAll) };
  reader.at += all.length;
  if (end === ":") return { source: `(?:${rest(reader, inside)})` };
  const before = reader.characters[begin - 2];
  if (begin > 1 && before !== "(") throw new UnsupportedPattern(`(${all} after the start of a group`);
  return { source: `(?:${alternatives(reader, inside)})` };
}

/** The group's content and its end. */
function rest(reader: Reader, flags: Flags): string {
  const source = alternatives(reader, flags);
  if (!take(reader, ")")) throw new UnsupportedPattern("a ( without its )");
  return source;
}

/** What matched is not given back: a lookahead is atomic, and the reference takes what it saw. */
function atomic(reader: Reader, source: string): string {
  const name = `a${reader.atoms++}`;
  return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
}

function quantified(reader: Reader, { source, isAssertion }: Atom): string {
  const count = quantifier(reader);
  if (count === undefined) return source;
  if (isAssertion) throw new UnsupportedPattern("a repeated assertion");
  const isInterval = count.startsWith("{");
  let repeated = `${source}${count}`;
  if (take(reader, "+")) repeated = isInterval ? `(?:${repeated})+` : atomic(reader, repeated);
  else if (take(reader, "?")) {
    if (/^\{\d+\}$/.test(count)) throw new UnsupportedPattern(`${count}?`);
    repeated += "?";
  }
  if (quantifier(reader) !== undefined) throw new UnsupportedPattern("a repetition of a repetition");
  return repeated;
}

function quantifier(reader: Reader): string | undefined {
  const character = peek(reader);
  if ("*+?".includes(character) && character !== "") return next(reader);
  const text = reader.characters.slice(reader.at, reader.at + 30).join("");
  const found = /^\{(\d*)(,?)(\d*)\}/.exec(text);
  if (found === null) return undefined;
  const [all, low = "", comma = "", high = ""] = found;
  if (low === "" && high === "") return undefined;
  if (low !== "" && high !== "" && Number(low) > Number(high)) throw new UnsupportedPattern(all);
  reader.at += all.length;
  return `{${low === "" ? "0" : low}${comma}${high}}`;
}

function peek(reader: Reader): string {
  return reader.characters[reader.at] ?? "";
}

function next(reader: Reader): string {
  return reader.characters[reader.at++] ?? "";
}

function take(reader: Reader, character: string): boolean {
  if (peek(reader) !== character) return false;
  reader.at++;
  return true;
}

function takeText(reader: Reader, text: string): boolean {
  if (reader.characters.slice(reader.at, reader.at + text.length).join("") !== text) return false;
  reader.at += text.length;
  return true;
}
