// Whether an alternative allows a value: of enum and const, which are kept where the rest of the schema allows them.
import {
  type Alternative,
  type ArrayKind,
  kindOf,
  type NumberKind,
  type ObjectKind,
} from "./alternatives.js";
import { automatonAccepts } from "./automaton.js";
import { spellSorted } from "./json-spelling.js";
import { itemNodes, propertyNodes } from "./layers.js";
import type { Opener } from "./opener.js";
import { isRecord, type SchemaNode } from "./schema-document.js";

export function allowsValue(opener: Opener, alternative: Alternative, value: unknown): boolean {
  switch (alternative.kind) {
    case "constants": {
      const spelled = spellSorted(value);
      return alternative.values.some((other) => spellSorted(other) === spelled);
    }
    case "number":
      return typeof value === "number" && allowsNumber(alternative, value);
    case "string": {
      if (typeof value !== "string") return false;
      const length = Array.from(value).length;
      const isLong = length >= alternative.min && (alternative.max === null || length <= alternative.max);
      return isLong && alternative.tests.every(({ automaton }) => automatonAccepts(automaton, value));
    }
    case "array":
      return Array.isArray(value) && allowsArray(opener, alternative, value);
    case "object":
      return isRecord(value) && allowsObject(opener, alternative, value);
  }
}

// --- internal ---

function allowsAll(opener: Opener, nodes: readonly SchemaNode[] | "never", value: unknown): boolean {
  return nodes !== "never" && opener.all(nodes).some((one) => allowsValue(opener, one, value));
}

function allowsNumber({ isInteger, min, max, divisors }: NumberKind, value: number): boolean {
  if (isInteger && kindOf(value) !== "integer") return false;
  if ((min !== null && value < min) || (max !== null && value > max)) return false;
  return divisors.every((divisor) => value % divisor === 0);
}

function allowsArray(opener: Opener, { layers, min, max }: ArrayKind, items: readonly unknown[]): boolean {
  if (items.length < min || (max !== null && items.length > max)) return false;
  return items.every((item, index) => allowsAll(opener, itemNodes(layers, index), item));
}

function allowsObject(
  opener: Opener,
  { layers, min, max }: ObjectKind,
  value: Readonly<Record<string, unknown>>,
): boolean {
  const names = Object.keys(value);
  if (names.length < min || (max !== null && names.length > max)) return false;
  if (!layers.every(({ required }) => required.every((name) => Object.hasOwn(value, name)))) return false;
  return names.every((name) => {
    const isNamed = layers.every(({ names: node }) => node === null || allowsAll(opener, [node], name));
    return isNamed && allowsAll(opener, propertyNodes(layers, name), value[name]);
  });
}
