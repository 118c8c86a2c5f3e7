// The methods of Python's text that templates can call.
import { bind, integerArgument, optionalInteger, optionalText, textArgument } from "./arguments.js";
import { isTrue, iterate } from "./operators.js";
import { toText } from "./print.js";
import { characters, countCharacters, isSpace, stripText } from "./text.js";
import { capitalize, isCased, lowerCase, swapCase, titleCase, upperCase } from "./text-case.js";
import { findText, partition, replaceText, splitAt, splitLines, splitWords } from "./text-search.js";
import { Callable, isList, isText, Markup, type Named, TemplateError, Tuple, type Value } from "./values.js";

/**
 * The method of a text; that of text that was marked safe gives such text.
 * @returns undefined where Python's text has no such attribute
 * @throws TemplateError for those that are not served
 */
export function textMethod(of: string | Markup, name: string): Callable | undefined {
  const method = Object.hasOwn(kMethods, name) ? kMethods[name] : undefined;
  if (method === undefined) {
    if (kUnserved.has(name)) throw new TemplateError(`the method ${name} of text is not served`);
    return undefined;
  }
  const run = (text: string, args: readonly Value[], named: Named) =>
    method.run(text, bind(name, method.names, method.required ?? 0, args, named));
  if (typeof of === "string") return new Callable((args, named) => run(of, args, named));
  return new Callable((args, named) => marked(run(of.text, plainArguments(name, args), named)));
}

// --- internal ---

// Methods of marked text escape their arguments in Python, and give marked text; these do not.
const kUnescaping = new Set([
  "count",
  "find",
  "rfind",
  "index",
  "rindex",
  "startswith",
  "endswith",
  "split",
  "rsplit",
]);

function plainArguments(name: string, args: readonly Value[]): readonly Value[] {
  const isPlain = (arg: Value) => !isText(arg) || !/[&<>'"]/.test(toText(arg));
  if (kUnescaping.has(name) || (name !== "join" && args.every(isPlain))) return args;
  throw new TemplateError(`${name} of text that was marked safe is not served with text to be escaped`);
}

function marked(value: Value): Value {
  if (typeof value === "string") return new Markup(value);
  return isList(value) ? value.map(marked) : value;
}

interface Method {
  readonly names: readonly string[];
  readonly required?: number;
  readonly run: (text: string, args: readonly (Value | undefined)[]) => Value;
}

const kUnserved = new Set(["encode", "format_map", "maketrans", "translate"]);

const plain = (run: (text: string) => Value): Method => ({ names: [], run });

const stripping = (name: string, side: "both" | "left" | "right"): Method => ({
  names: ["chars"],
  run: (text, [chars]) => stripText(text, side, optionalText(name, chars)),
});

const splitting = (name: string, side: "left" | "right"): Method => ({
  names: ["sep", "maxsplit"],
  run: (text, [separator, most]) => {
    const count = optionalInteger(name, most, -1);
    const by = optionalText(name, separator);
    return by === undefined ? splitWords(text, count, side) : splitAt(text, by, count, side);
  },
});

const beginning = (name: string, has: (text: string, part: string) => boolean): Method => ({
  names: ["prefix", "start", "end"],
  required: 1,
  run: (text, [part = null, start, end]) => {
    const inner = section(name, text, start, end);
    const parts = part instanceof Tuple ? part : [part];
    return parts.some((each) => has(inner, textArgument(name, each)));
  },
});

const finding = (name: string, side: "first" | "last", isStrict: boolean): Method => ({
  names: ["sub", "start", "end"],
  required: 1,
  run: (text, [part, start, end]) => {
    const [from] = bounds(name, text, start, end);
    const at = findText(section(name, text, start, end), textArgument(name, part), side);
    if (at < 0 && isStrict) throw new TemplateError(`${name}: the text is not found`);
    return at < 0 ? -1 : from + at;
  },
});

const padding = (name: string, share: (missing: number, width: number) => number): Method => ({
  names: ["width", "fillchar"],
  required: 1,
  run: (text, [width = null, fill = " "]) => {
    const wide = integerArgument(name, width);
    const missing = wide - countCharacters(text);
    const unit = textArgument(name, fill);
    if (countCharacters(unit) !== 1) throw new TemplateError(`${name}: expected one character to fill with`);
    if (missing <= 0) return text;
    const left = share(missing, wide);
    return unit.repeat(left) + text + unit.repeat(missing - left);
  },
});

const every = (name: RegExp): Method => plain((text) => text !== "" && name.test(text));

const kMethods: Readonly<Record<string, Method>> = {
  capitalize: plain(capitalize),
  casefold: plain((text) => lowerCase(text.replaceAll("ß", "ss"))),
  center: padding("center", (missing, width) => Math.floor(missing / 2) + (missing & width & 1)),
  count: {
    names: ["sub", "start", "end"],
    required: 1,
    run: (text, [part, start, end]) => {
      const inner = section("count", text, start, end);
      const sought = textArgument("count", part);
      return sought === "" ? countCharacters(inner) + 1 : inner.split(sought).length - 1;
    },
  },
  endswith: beginning("endswith", (text, part) => text.endsWith(part)),
  expandtabs: {
    names: ["tabsize"],
    run: (text, [size]) => expandTabs(text, optionalInteger("expandtabs", size, 8)),
  },
  find: finding("find", "first", false),
  index: finding("index", "first", true),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isalpha: every(/^\p{L}+$/u),
  isascii: plain((text) => !/\P{ASCII}/u.test(text)),
  isdecimal: every(/^\p{Nd}+$/u),
  isdigit: every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u),
  isidentifier: every(/^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u),
  islower: plain((text) => isCased(text) && lowerCase(text) === text),
  isnumeric: every(/^\p{N}+$/u),
  isprintable: plain((text) => !/(?! )[\p{C}\p{Z}]/u.test(text)),
  isspace: plain((text) => isSpace(text)),
  istitle: plain((text) => isCased(text) && titleCase(text) === text),
  isupper: plain((text) => isCased(text) && upperCase(text) === text),
  join: {
    names: ["iterable"],
    required: 1,
    run: (text, [items = null]) =>
      Array.from(iterate(items), (item) => textArgument("join", item)).join(text),
  },
  ljust: padding("ljust", () => 0),
  lower: plain(lowerCase),
  lstrip: stripping("lstrip", "left"),
  partition: {
    names: ["sep"],
    required: 1,
    run: (text, [separator]) => Tuple.of(...partition(text, textArgument("partition", separator), "first")),
  },
  removeprefix: {
    names: ["prefix"],
    required: 1,
    run: (text, [part]) => {
      const prefix = textArgument("removeprefix", part);
      return text.startsWith(prefix) ? text.slice(prefix.length) : text;
    },
  },
  removesuffix: {
    names: ["suffix"],
    required: 1,
    run: (text, [part]) => {
      const suffix = textArgument("removesuffix", part);
      return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  },
  replace: {
    names: ["old", "new", "count"],
    required: 2,
    run: (text, [old, other, count]) =>
      replaceText(
        text,
        textArgument("replace", old),
        textArgument("replace", other),
        optionalInteger("replace", count, -1),
      ),
  },
  rfind: finding("rfind", "last", false),
  rindex: finding("rindex", "last", true),
  rjust: padding("rjust", (missing) => missing),
  rpartition: {
    names: ["sep"],
    required: 1,
    run: (text, [separator]) => Tuple.of(...partition(text, textArgument("rpartition", separator), "last")),
  },
  rsplit: splitting("rsplit", "right"),
  rstrip: stripping("rstrip", "right"),
  split: splitting("split", "left"),
  splitlines: {
    names: ["keepends"],
    run: (text, [keep = false]) => splitLines(text, isTrue(keep)),
  },
  startswith: beginning("startswith", (text, part) => text.startsWith(part)),
  strip: stripping("strip", "both"),
  swapcase: plain(swapCase),
  title: plain(titleCase),
  upper: plain(upperCase),
  zfill: {
    names: ["width"],
    required: 1,
    run: (text, [width = null]) => {
      const missing = integerArgument("zfill", width) - countCharacters(text);
      const sign = /^[-+]/.exec(text)?.[0] ?? "";
      return missing <= 0 ? text : sign + "0".repeat(missing) + text.slice(sign.length);
    },
  },
};

function bounds(
  name: string,
  text: string,
  start: Value | undefined,
  end: Value | undefined,
): readonly [number, number] {
  const length = countCharacters(text);
  const place = (at: number) => (at < 0 ? Math.max(0, at + length) : at);
  return [place(optionalInteger(name, start, 0)), place(optionalInteger(name, end, length))];
}

function section(name: string, text: string, start: Value | undefined, end: Value | undefined): string {
  if (start === undefined && end === undefined) return text;
  const [from, to] = bounds(name, text, start, end);
  return characters(text).slice(from, to).join("");
}

function expandTabs(text: string, size: number): string {
  let column = 0;
  let out = "";
  for (const unit of text) {
    const isTab = unit === "\t";
    const width = isTab ? (size > 0 ? size - (column % size) : 0) : 1;
    out += isTab ? " ".repeat(width) : unit;
    column = unit === "\n" || unit === "\r" ? 0 : column + width;
  }
  return out;
}
