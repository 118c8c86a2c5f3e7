// JSON whose integers may lie beyond 2^53, where a number would come out as another one. Such an integer is kept as a word that holds its
// digits, and is written as those digits again: who only stores and passes on changes nothing.
import { types } from "node:util";
import { type JsonNode, parseJson } from "./json-text.js";

/**
 * As JSON.parse, but for integers that no number holds exactly: a word each, except in fields that are times.
 * @param isFree  the text is somebody's own data, in which no name means anything
 * @throws SyntaxError for what is no JSON, RangeError naming the place of a number too large for one (1e400)
 */
export function readSpelled(text: string, isFree = false): unknown {
  const value: unknown = JSON.parse(text);
  if (!kSuspect.test(text)) return value;
  const node = parseJson(text);
  return node === undefined ? value : toValue(node, { path: "", name: "", isFree });
}

/** As JSON.stringify, with each word as its integer. */
export function writeSpelled(value: unknown): string {
  const text = JSON.stringify(value);
  return text?.includes(kWord) ? text.replace(kQuotedWord, "$1") : text;
}

/** Whether this is the word for an integer. */
export function isSpelled(value: unknown): boolean {
  return typeof value === "string" && value.startsWith(kWord) && kDigits.test(value.slice(kWord.length));
}

/** Where such a word is in plain data, as in `task.items[2].id`; undefined: nowhere. Runs no getter, and looks into no instances of classes. */
export function findSpelled(value: unknown, path: string): string | undefined {
  const seen = new Set<unknown>();
  const left: [at: unknown, place: string][] = [[value, path]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [at, place] = next;
    if (isSpelled(at)) return place;
    if (!isPlain(at) || seen.has(at)) continue;
    seen.add(at);
    for (const key of Object.keys(at)) {
      const item: unknown = Object.getOwnPropertyDescriptor(at, key)?.value;
      if (typeof item === "string" ? isSpelled(item) : typeof item === "object" && item !== null)
        left.push([item, Array.isArray(at) ? `${place}[${key}]` : `${place}.${key}`]);
    }
  }
  return undefined;
}

// --- internal ---

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

interface Place {
  readonly path: string;
  /** Of the field. */
  readonly name: string;
  readonly isFree: boolean;
}

function toValue(node: JsonNode, place: Place): unknown {
  if (node.type === "number") return toNumber(node.spelling, place);
  if (node.type === "array")
    return node.items.map((item, i) => toValue(item, { ...place, path: `${place.path}[${i}]` }));
  if (node.type !== "object") return node.value;
  const fields = [...node.fields].map(([name, field]) => {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    return [name, toValue(field, { path, name, isFree: place.isFree || kFree.has(name) })] as const;
  });
  return Object.fromEntries(fields);
}

function toNumber(spelling: string, { path, name, isFree }: Place): number | string {
  const number = Number(spelling);
  const isInteger = kDigits.test(spelling);
  if (!isInteger && !Number.isFinite(number))
    throw new RangeError(`expected numbers that JSON's readers can hold, got a larger one at ${path}`);
  const isTime = !isFree && kTimes.has(name);
  return isInteger && !Number.isSafeInteger(number) && !isTime ? `${kWord}${spelling}` : number;
}

const kWord = "agentlightning.integer:";
const kDigits = /^-?\d{16,}$/;
// A quote behind a backslash is one within a text; a word before a colon is a name.
const kQuotedWord = /(?<!\\)"agentlightning\.integer:(-?\d{16,})"(?!:)/g;
/** A number of sixteen digits before its point, or with an exponent of three; in texts it may stand too. */
const kSuspect = /(?:^|[[:,\s])-?(?:\d{16,}|\d[\d.]*[eE]\+?\d{3})/;
const kFree: ReadonlySet<string> = new Set(["input", "metadata", "attributes", "data", "heartbeat_stats"]);
/** Nanoseconds are taken too. */
const kTimes: ReadonlySet<string> = new Set([
  ...["start_time", "end_time", "timestamp", "last_heartbeat_time"],
  ...["timeout", "timeout_seconds", "unresponsive_seconds"],
]);
