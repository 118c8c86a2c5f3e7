// What filters and tests are, and the argument that many of them share.
import { itemOf } from "./access.js";
import { lowerCase } from "./text-case.js";
import { type Named, Undefined, type Value } from "./values.js";

export type Filter = (value: Value, args: readonly Value[], named: Named) => Value;
export type Test = (value: Value, args: readonly Value[], named: Named) => boolean;

/**
 * What an argument `attribute` looks up: "deep.name", "items.0", a number, or None for the value itself.
 * @param standard  takes the place of what is undefined
 */
export function lookUpPath(attribute: Value | undefined, standard?: Value): (value: Value) => Value {
  const parts = pathOf(attribute);
  const hasStandard = standard !== undefined && standard !== null;
  return (value) => {
    let found = value;
    for (const part of parts) {
      found = itemOf(found, part);
      if (hasStandard && found instanceof Undefined) found = standard;
    }
    return found;
  };
}

/** Text in lower case, everything else as it is: how sorting compares unless told. */
export function ignoringCase(value: Value): Value {
  return typeof value === "string" ? lowerCase(value) : value;
}

// --- internal ---

function pathOf(attribute: Value | undefined): readonly Value[] {
  if (attribute === undefined || attribute === null) return [];
  if (typeof attribute !== "string") return [attribute];
  return attribute.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
