// Operators on values: truth, length, going through, equality, order, membership.
import { toText } from "./print.js";
import { characters, compareText, countCharacters } from "./text.js";
import {
  Dict,
  Float,
  isList,
  isText,
  type Key,
  Lazy,
  type List,
  Markup,
  Range,
  Structure,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.js";

/** bool(value) */
export function isTrue(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === "object") {
    if (value instanceof Float) return value.value !== 0;
    return value instanceof Lazy || value instanceof Structure || lengthOf(value) !== 0;
  }
  return Boolean(value);
}

/** len(value), undefined where it has none. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === "string") return countCharacters(value);
  if (typeof value !== "object" || value === null) return undefined;
  if (isList(value) || value instanceof Range) return value.length;
  if (value instanceof Dict) return value.map.size;
  if (value instanceof View) return value.of.map.size;
  if (value instanceof Markup) return countCharacters(value.text);
  if (value instanceof Undefined) return 0;
  return undefined;
}

/** iter(value) @throws TemplateError for what cannot be gone through */
export function iterate(value: Value): Iterable<Value> {
  if (isList(value)) return value;
  if (typeof value === "string") return characters(value);
  if (value instanceof Dict) return value.map.keys();
  if (value instanceof View) return viewItems(value);
  if (value instanceof Range) return rangeItems(value);
  if (value instanceof Lazy) return { [Symbol.iterator]: () => value.items };
  if (value instanceof Undefined) return [];
  if (value instanceof Markup) return characters(value.text);
  throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

/** list(value) */
export function listOf(value: Value): Value[] {
  return Array.from(iterate(value));
}

/** A new generator over what a function yields. */
export function lazily(items: () => Iterator<Value>): Lazy {
  return new Lazy(items());
}

/** Python's number: a truth value is 0 or 1. Undefined for what is none. */
export function numberOf(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Float ? value.value : undefined;
}

/** a == b */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: numbers and bigints compare by value
  if (x !== undefined && y !== undefined) return x == y;
  if (a instanceof Markup || b instanceof Markup) return isEqualText(a, b);
  if (isList(a) && isList(b))
    return isSameKind(a, b) && a.length === b.length && a.every((item, i) => isEqualAt(item, b, i));
  if (a instanceof Dict && b instanceof Dict) return isEqualMapping(a, b);
  if (a instanceof Undefined && b instanceof Undefined) return true;
  if (a instanceof Range && b instanceof Range) {
    return isEqual([...rangeItems(a)], [...rangeItems(b)]);
  }
  if (a instanceof View && b instanceof View && a.kind !== "values" && a.kind === b.kind) {
    return a.of.map.size === b.of.map.size && [...viewItems(a)].every((item) => isIn(item, b));
  }
  return false;
}

/** a < b, and so on: negative, zero, positive; NaN where neither holds. @throws TemplateError for what has no order */
export function compare(a: Value, b: Value, operator: string): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN;
  if (isText(a) && isText(b)) return compareText(toText(a), toText(b));
  if (isList(a) && isList(b) && isSameKind(a, b)) {
    for (const [i, item] of a.entries()) {
      const other = b[i];
      if (other === undefined) return 1;
      if (!isEqual(item, other)) return compare(item, other, operator);
    }
    return a.length === b.length ? 0 : -1;
  }
  if (a instanceof Undefined) throw new TemplateError(a.hint);
  if (b instanceof Undefined) throw new TemplateError(b.hint);
  throw new TemplateError(
    `'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
  );
}

/** item in container */
export function isIn(item: Value, container: Value): boolean {
  if (typeof container === "string" || container instanceof Markup) {
    if (isText(item)) return toText(container).includes(toText(item));
    throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (container instanceof Dict) return lookUp(container, item) !== undefined;
  if (container instanceof View && container.kind === "keys") return isIn(item, container.of);
  for (const each of iterateFor(container)) if (isEqual(each, item)) return true;
  return false;
}

/** Whether it could be the key of a mapping in Python. */
export function isHashable(value: Value): boolean {
  return !(isList(value) && !(value instanceof Tuple)) && !(value instanceof Dict);
}

/** mapping[key], undefined where it is not there. @throws TemplateError for lists and mappings, which are no keys */
export function lookUp({ map }: Dict, key: Value): Value | undefined {
  const isElsewhere =
    key instanceof Tuple ||
    key instanceof Undefined ||
    (key instanceof Float && !Number.isInteger(key.value));
  if (isElsewhere) return undefined;
  return map.get(keyIn(map, toKey(key)));
}

/** mapping[key] = value, while it is made. @throws as toKey */
export function putInto(map: Map<Key, Value>, key: Value, value: Value): void {
  map.set(keyIn(map, toKey(key)), value);
}

/** A value as the key of a mapping. @throws TemplateError for what cannot be one in Python, and for tuples, which are not served */
export function toKey(value: Value): Key {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Float && Number.isInteger(value.value)) return value.value;
  throw new TemplateError(`a ${typeName(value)} cannot be the key of a mapping here`);
}

// --- internal ---

function* rangeItems({ start, step, length }: Range): Generator<number> {
  for (let i = 0; i < length; i++) yield start + i * step;
}

// True is 1, and False 0: the one that is there.
function keyIn(map: ReadonlyMap<Key, Value>, key: Key): Key {
  if (typeof key === "string" || map.has(key)) return key;
  const other = typeof key === "boolean" ? Number(key) : key === 1 || key === 0 ? key === 1 : key;
  return map.has(other) ? other : key;
}

function* viewItems({ of, kind }: View): Generator<Value> {
  for (const [key, item] of of.map) {
    if (kind === "items") yield Tuple.of(key, item);
    else yield kind === "keys" ? key : item;
  }
}

function isSameKind(a: List, b: List): boolean {
  return a instanceof Tuple === b instanceof Tuple;
}

function isEqualAt(item: Value, list: List, index: number): boolean {
  const other = list[index];
  return other !== undefined && isEqual(item, other);
}

function isEqualText(a: Value, b: Value): boolean {
  return isText(a) && isText(b) && toText(a) === toText(b);
}

function isEqualMapping(a: Dict, b: Dict): boolean {
  if (a.map.size !== b.map.size) return false;
  for (const [key, item] of a.map) {
    const other = lookUp(b, key);
    if (other === undefined || !isEqual(item, other)) return false;
  }
  return true;
}

function iterateFor(container: Value): Iterable<Value> {
  const isIterable = typeof container === "object" && container !== null && !(container instanceof Float);
  if (isIterable) return iterate(container);
  throw new TemplateError(`argument of type '${typeName(container)}' is not iterable`);
}
