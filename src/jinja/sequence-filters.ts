// Filters over lists and mappings that give a value at once.
import { ownAttribute } from "./access.js";
import { bind } from "./arguments.js";
import { type Filter, ignoringCase, lookUpPath } from "./filter.js";
import { compare, isEqual, isTrue, iterate, lengthOf, listOf } from "./operators.js";
import { toText } from "./print.js";
import {
  Dict,
  Group,
  isList,
  isText,
  Lazy,
  Markup,
  Range,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.js";

const attr: Filter = (value, args, named) => {
  const [name = null] = bind("attr", ["name"], 1, args, named);
  const hint = `'${typeName(value)} object' has no attribute '${toText(name)}'`;
  return orUndefined(ownAttribute(value, toText(name)), hint);
};

const standard: Filter = (value, args, named) => {
  const names = ["default_value", "boolean"];
  const [other = "", isStrict = false] = bind("default", names, 0, args, named);
  return value instanceof Undefined || (isTrue(isStrict) && !isTrue(value)) ? other : value;
};

const dictsort: Filter = (value, args, named) => {
  const names = ["case_sensitive", "by", "reverse"];
  const [isExact = false, by = "key", isReversed = false] = bind("dictsort", names, 0, args, named);
  if (!(value instanceof Dict))
    throw new TemplateError(`dictsort: expected a mapping, got ${typeName(value)}`);
  if (by !== "key" && by !== "value") throw new TemplateError('dictsort: by must be "key" or "value"');
  const pairs = [...value.map].map(([key, item]) => Tuple.of(key, item));
  const place = by === "key" ? 0 : 1;
  const key = (pair: Value): Value => (isList(pair) ? (pair[place] ?? null) : null);
  return sorted(pairs, isTrue(isExact) ? key : (pair) => ignoringCase(key(pair)), isTrue(isReversed));
};

const first: Filter = (value) => {
  for (const item of iterate(value)) return item;
  return new Undefined("No first item, sequence was empty.");
};

const groupby: Filter = (value, args, named) => {
  const names = ["attribute", "default", "case_sensitive"];
  const [attribute, other, isExact = false] = bind("groupby", names, 1, args, named);
  const look = lookUpPath(attribute, other);
  const key = isTrue(isExact) ? look : (item: Value) => ignoringCase(look(item));
  const groups: { readonly key: Value; readonly items: Value[] }[] = [];
  for (const item of sorted(listOf(value), key, false)) {
    const last = groups.at(-1);
    const itemKey = key(item);
    if (last !== undefined && isEqual(last.key, itemKey)) last.items.push(item);
    else groups.push({ key: itemKey, items: [item] });
  }
  return groups.map(({ items: [item = null, ...others] }) => Group.of(look(item), [item, ...others]));
};

const join: Filter = (value, args, named) => {
  const [between = "", attribute] = bind("join", ["d", "attribute"], 0, args, named);
  const look = lookUpPath(attribute);
  return Array.from(iterate(value), (item) => toText(look(item))).join(toText(between));
};

const last: Filter = (value) => {
  if (value instanceof Lazy) throw new TemplateError(`'${typeName(value)}' object is not reversible`);
  return orUndefined(listOf(value).at(-1), "No last item, sequence was empty.");
};

const length: Filter = (value) => {
  const found = lengthOf(value);
  if (found === undefined) throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
  return found;
};

const extreme =
  (name: "min" | "max"): Filter =>
  (value, args, named) => {
    const [isExact = false, attribute] = bind(name, ["case_sensitive", "attribute"], 0, args, named);
    const look = lookUpPath(attribute);
    const key = isTrue(isExact) ? look : (item: Value) => ignoringCase(look(item));
    let best: Value | undefined;
    for (const item of iterate(value)) {
      const order = best === undefined ? 1 : compare(key(item), key(best), name === "min" ? "<" : ">");
      if (best === undefined || (name === "min" ? order < 0 : order > 0)) best = item;
    }
    return orUndefined(best, "No aggregated item, sequence was empty.");
  };

const reverse: Filter = (value) => {
  if (isText(value)) {
    const text = Array.from(toText(value)).reverse().join("");
    return typeof value === "string" ? text : new Markup(text);
  }
  const isReversible =
    isList(value) ||
    value instanceof Undefined ||
    value instanceof Dict ||
    value instanceof Range ||
    value instanceof View;
  const items = listOf(value).reverse();
  return isReversible ? new Lazy(items[Symbol.iterator]()) : items;
};

const sort: Filter = (value, args, named) => {
  const names = ["reverse", "case_sensitive", "attribute"];
  const [isReversed = false, isExact = false, attribute] = bind("sort", names, 0, args, named);
  const paths = typeof attribute === "string" ? attribute.split(",") : [attribute];
  const keys = paths.map((path) => {
    const look = lookUpPath(path);
    return isTrue(isExact) ? look : (item: Value) => ignoringCase(look(item));
  });
  return sorted(listOf(value), (item) => keys.map((key) => key(item)), isTrue(isReversed));
};

export const sequenceFilters = {
  attr,
  count: length,
  d: standard,
  default: standard,
  dictsort,
  first,
  groupby,
  join,
  last,
  length,
  list: listOf,
  max: extreme("max"),
  min: extreme("min"),
  reverse,
  sort,
} satisfies Readonly<Record<string, Filter>>;

// --- internal ---

function orUndefined(value: Value | undefined, hint: string): Value {
  return value === undefined ? new Undefined(hint) : value;
}

/** By a key; what compares equal keeps its order, also in reverse. */
function sorted(items: readonly Value[], key: (item: Value) => Value, isReversed: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => {
    const order = compare(a.key, b.key, "<");
    return isReversed ? -order : order;
  });
  return keyed.map(({ item }) => item);
}
