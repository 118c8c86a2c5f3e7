// Filters that give a generator: what they yield is gone through once.
import { bind, integerArgument } from "./arguments.js";
import { type Filter, ignoringCase, lookUpPath } from "./filter.js";
import { isEqual, isHashable, isTrue, iterate, lazily, listOf } from "./operators.js";
import { Dict, type Named, TemplateError, Tuple, typeName, Undefined, type Value } from "./values.js";

/** How filters and tests are called by name. */
export interface ByName {
  filter(name: string, value: Value, args: readonly Value[], named: Named): Value;
  test(name: string, value: Value, args: readonly Value[], named: Named): boolean;
}

export function lazyFilters(byName: ByName) {
  return {
    batch,
    items,
    map: mapping(byName),
    reject: selecting("reject", byName, false),
    rejectattr: selecting("rejectattr", byName, true),
    select: selecting("select", byName, false),
    selectattr: selecting("selectattr", byName, true),
    slice,
    unique,
  } satisfies Readonly<Record<string, Filter>>;
}

// --- internal ---

const batch: Filter = (value, args, named) => {
  const [count = null, fill = null] = bind("batch", ["linecount", "fill_with"], 1, args, named);
  const most = integerArgument("batch", count);
  return lazily(function* () {
    let row: Value[] = [];
    for (const item of iterate(value)) {
      if (row.length === most) {
        yield row;
        row = [];
      }
      row.push(item);
    }
    if (row.length === 0) return;
    while (fill !== null && row.length < most) row.push(fill);
    yield row;
  });
};

const items: Filter = (value) =>
  lazily(function* () {
    if (value instanceof Undefined) return;
    if (!(value instanceof Dict)) {
      throw new TemplateError(`items: expected a mapping, got ${typeName(value)}`);
    }
    for (const [key, item] of value.map) yield Tuple.of(key, item);
  });

const slice: Filter = (value, args, named) => {
  const [count = null, fill = null] = bind("slice", ["slices", "fill_with"], 1, args, named);
  return lazily(function* () {
    const [all, parts] = [listOf(value), integerArgument("slice", count)];
    if (parts === 0) throw new TemplateError("integer division or modulo by zero");
    const [each, extra] = [Math.floor(all.length / parts), all.length % parts];
    let start = 0;
    for (let i = 0; i < parts; i++) {
      const end = start + each + (i < extra ? 1 : 0);
      const piece = all.slice(start, end);
      yield fill !== null && i >= extra ? [...piece, fill] : piece;
      start = end;
    }
  });
};

const unique: Filter = (value, args, named) => {
  const [isExact = false, attribute] = bind("unique", ["case_sensitive", "attribute"], 0, args, named);
  const look = lookUpPath(attribute);
  return lazily(function* () {
    const seen: Value[] = [];
    for (const item of iterate(value)) {
      const key = isTrue(isExact) ? look(item) : ignoringCase(look(item));
      if (!isHashable(key)) throw new TemplateError(`unhashable type: '${typeName(key)}'`);
      if (seen.some((each) => isEqual(each, key))) continue;
      seen.push(key);
      yield item;
    }
  });
};

function mapping(byName: ByName): Filter {
  return (value, args, named) =>
    lazily(function* () {
      if (!isTrue(value)) return;
      const change = mapped(byName, args, named);
      for (const item of iterate(value)) yield change(item);
    });
}

function mapped(byName: ByName, args: readonly Value[], named: Named): (item: Value) => Value {
  if (args.length === 0 && named.has("attribute")) {
    const [attribute, standard] = bind("map", ["attribute", "default"], 0, args, named);
    return lookUpPath(attribute, standard);
  }
  const [name, ...others] = args;
  if (typeof name !== "string") throw new TemplateError("map requires a filter argument");
  return (item) => byName.filter(name, item, others, named);
}

function selecting(who: string, byName: ByName, hasAttribute: boolean): Filter {
  const isRejecting = who.startsWith("reject");
  return (value, args, named) =>
    lazily(function* () {
      if (!isTrue(value)) return;
      const [attribute] = args;
      if (hasAttribute && attribute === undefined) throw new TemplateError(`${who}: no name of an attribute`);
      const look = hasAttribute ? lookUpPath(attribute) : (item: Value) => item;
      const [name, ...others] = hasAttribute ? args.slice(1) : args;
      if (name !== undefined && typeof name !== "string")
        throw new TemplateError(`${who}: a test's name is text`);
      for (const item of iterate(value)) {
        const tested = look(item);
        const holds = name === undefined ? isTrue(tested) : byName.test(name, tested, others, named);
        if (holds !== isRejecting) yield item;
      }
    });
}
