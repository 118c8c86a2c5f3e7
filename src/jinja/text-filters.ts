// Filters that read their value as text.
import { bind, integerArgument, optionalInteger, optionalText, textArgument } from "./arguments.js";
import { escapeHtml } from "./escape-html.js";
import type { Filter } from "./filter.js";
import { formatPercent } from "./format-percent.js";
import { isTrue, iterate, lengthOf } from "./operators.js";
import { toText } from "./print.js";
import { characters, countCharacters, stripText } from "./text.js";
import { capitalize, lowerCase, titleWords, upperCase } from "./text-case.js";
import { textMethod } from "./text-methods.js";
import { replaceText, splitLines } from "./text-search.js";
import { type JsonStyle, toJson } from "./to-json.js";
import { Dict, Float, isText, Markup, TemplateError, Tuple, Undefined, type Value } from "./values.js";

// Text stays marked as safe or not.
const changing =
  (change: (text: string) => string): Filter =>
  (value) =>
    value instanceof Markup ? new Markup(change(value.text)) : change(toText(value));

const center: Filter = (value, args, named) => {
  const [width = 80] = bind("center", ["width"], 0, args, named);
  return textMethod(toText(value), "center")?.run([width], new Map()) ?? null;
};

const format: Filter = (value, args, named) => {
  if (args.length > 0 && named.size > 0) {
    throw new TemplateError("format: expected arguments by place or by name, got both");
  }
  const values = named.size > 0 ? new Dict(new Map(named)) : Tuple.of(...args);
  return formatPercent(isText(value) ? value : toText(value), values);
};

const indent: Filter = (value, args, named) => {
  const [width = 4, first = false, blank = false] = bind(
    "indent",
    ["width", "first", "blank"],
    0,
    args,
    named,
  );
  const by = isText(width) ? toText(width) : " ".repeat(integerArgument("indent", width));
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  const lines = splitLines(`${textArgument("indent", value)}\n`);
  const keepsBlank = isTrue(blank);
  const indented = lines.map((line, i) => (i === 0 || (line === "" && !keepsBlank) ? line : by + line));
  const text = (isTrue(first) ? by : "") + indented.join("\n");
  return value instanceof Markup ? new Markup(text) : text;
};

const replace: Filter = (value, args, named) => {
  const [old = null, other = null, count] = bind("replace", ["old", "new", "count"], 2, args, named);
  return replaceText(toText(value), toText(old), toText(other), optionalInteger("replace", count, -1));
};

const striptags: Filter = (value) => {
  const bare = toText(value)
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<[^>]*>/g, "");
  const words = stripText(bare, "both").split(/\s+/).join(" ");
  return words.replace(/&(amp|lt|gt|#39|#34|quot|nbsp);/g, (_all, name: string) => kEntities[name] ?? "");
};

const kEntities: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", "#39": "'", "#34": '"', quot: '"', nbsp: "\xa0" },
};

const tojson: Filter = (value, args, named) => {
  const names = ["ensure_ascii", "indent", "separators", "sort_keys"];
  const [ascii = false, by, separators, sorted = false] = bind("tojson", names, 0, args, named);
  return toJson(value, {
    ensureAscii: isTrue(ascii),
    sortKeys: isTrue(sorted),
    ...jsonIndent(by),
    ...jsonSeparators(separators),
  });
};

function jsonIndent(by: Value | undefined): JsonStyle {
  if (by === undefined || by === null) return {};
  return { indent: isText(by) ? toText(by) : integerArgument("tojson", by) };
}

function jsonSeparators(pair: Value | undefined): JsonStyle {
  if (pair === undefined || pair === null) return {};
  const [item, key] = Array.from(iterate(pair), (each) => textArgument("tojson", each));
  if (item === undefined || key === undefined) throw new TemplateError("tojson: expected two separators");
  return { separators: [item, key] };
}

const trim: Filter = (value, args, named) => {
  const [chars] = bind("trim", ["chars"], 0, args, named);
  const text = stripText(toText(value), "both", optionalText("trim", chars));
  return value instanceof Markup ? new Markup(text) : text;
};

const truncate: Filter = (value, args, named) => {
  const names = ["length", "killwords", "end", "leeway"];
  const [most = 255, cuts = false, end = "...", leeway] = bind("truncate", names, 0, args, named);
  const [tail, length] = [textArgument("truncate", end), integerArgument("truncate", most)];
  const room = length - countCharacters(tail);
  if (room < 0)
    throw new TemplateError(`truncate: expected length >= ${countCharacters(tail)}, got ${length}`);
  const size = lengthOf(value);
  if (size !== undefined && size <= length + optionalInteger("truncate", leeway, 5)) return value;
  const text = textArgument("truncate", value);
  const kept = characters(text).slice(0, room).join("");
  const space = isTrue(cuts) ? -1 : kept.lastIndexOf(" ");
  return (space < 0 ? kept : kept.slice(0, space)) + tail;
};

const urlencode: Filter = (value) => {
  const isOne = isText(value) || typeof value !== "object" || value === null || value instanceof Float;
  if (isOne) return quoteUrl(toText(value), "/");
  const pairs =
    value instanceof Dict ? value.map : Array.from(iterate(value), (pair) => Array.from(iterate(pair)));
  return Array.from(pairs, ([name, item, ...others]) => {
    if (name === undefined || item === undefined || others.length > 0) {
      throw new TemplateError("urlencode: expected pairs");
    }
    return `${quoteQuery(toText(name))}=${quoteQuery(toText(item))}`;
  }).join("&");
};

function quoteUrl(text: string, safe: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", safe);
}

function quoteQuery(text: string): string {
  return quoteUrl(text, "%2F").replaceAll("%20", "+");
}

const wordcount: Filter = (value) => (toText(value).match(/[\p{L}\p{N}_]+/gu) ?? []).length;

export const textFilters = {
  capitalize: changing(capitalize),
  center,
  e: escapeHtml,
  escape: escapeHtml,
  forceescape: (value) => escapeHtml(toText(value)),
  format,
  indent,
  lower: changing(lowerCase),
  replace,
  safe: (value) => new Markup(toText(value)),
  string: (value) => (value instanceof Markup ? value : toText(value)),
  striptags,
  title: (value) => titleWords(toText(value)),
  tojson,
  trim,
  truncate,
  upper: changing(upperCase),
  urlencode,
  wordcount,
} satisfies Readonly<Record<string, Filter>>;
