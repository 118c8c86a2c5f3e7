// Nested values to span attributes: dotted keys, lists of one primitive type kept whole, other lists indexed, what is
// empty vanishes. `undefined` is left out everywhere, as in JSON.
import { argumentError, showValue } from "../base/check.js";
import type { Attributes, AttributeValue } from "../types/span.js";
import { isPlain, toPythonJson } from "./python-values.js";

/**
 * Every leaf must be a string, a finite number, a boolean, or a list of one of these.
 * @param nulls  "drop" leaves null out
 * @throws E_ARGUMENT for any other leaf, and for what is not a plain object
 */
export function toAttributes(
  who: string,
  name: string,
  nested: unknown,
  nulls: "drop" | "refuse",
): Attributes {
  if (!isPlain(nested)) throw argumentError(who, `${name} to be a plain object`, nested);
  const flat: (readonly [string, AttributeValue])[] = [];
  for (const [key, value] of flatten(nested, "")) {
    if (value === null && nulls === "drop") continue;
    if (!isAttributeValue(value)) {
      const kinds = "a string, a finite number, a boolean or a list of one of these";
      throw argumentError(who, `${name}[${JSON.stringify(key)}] to be ${kinds}`, value);
    }
    flat.push([key, value]);
  }
  // Not by assignment: a key may be "__proto__".
  return Object.fromEntries(flat);
}

/** The same of any value under a prefix, but a leaf that is no attribute becomes JSON text, or at worst its String(). Never throws. */
export function toLenientAttributes(prefix: string, value: unknown): Attributes {
  try {
    const leaves = flatten(value, prefix);
    return Object.fromEntries(
      leaves.map(([key, leaf]) => [key, isAttributeValue(leaf) ? leaf : describe(leaf)]),
    );
  } catch {
    // A getter or a proxy inside it throws: then it is one leaf.
    return { [prefix]: describe(value) };
  }
}

// --- internal ---

/** What is nested deeper counts as a leaf, as a cycle does. */
const kDeepest = 1000;

type Leaf = readonly [key: string, value: unknown];

function flatten(value: unknown, key: string, parents: readonly unknown[] = []): Leaf[] {
  if (value === undefined) return [];
  const isList = Array.isArray(value);
  if ((!isList && !isPlain(value)) || parents.includes(value)) return [[key, value]];
  if (parents.length >= kDeepest) return [[key, value]];
  if (isList && isAttributeValue(value)) return value.length === 0 ? [] : [[key, [...value]]];
  const inside = [...parents, value];
  return Object.entries(value).flatMap(([name, item]) =>
    flatten(item, key === "" ? name : `${key}.${name}`, inside),
  );
}

function isAttributeValue(value: unknown): value is AttributeValue {
  if (!Array.isArray(value)) return isPrimitive(value);
  for (const item of value) if (!isPrimitive(item) || typeof item !== typeof value[0]) return false;
  return true;
}

function isPrimitive(value: unknown): value is string | number | boolean {
  return (
    typeof value === "string" ||
    typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value))
  );
}

// An operation must not fail because of what it was given to look at.
function describe(value: unknown): string {
  try {
    return toPythonJson("operation", value);
  } catch {
    return toText(value);
  }
}

function toText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return showValue(value);
  }
}
