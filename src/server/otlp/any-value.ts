// Attribute values: OTLP's any-values (nested lists and maps, bytes) as the scalars and lists of one kind that spans hold.
import type { AttributeValue } from "../../types/span.js";

/** Deeper values are malformed. */
export const kMostNesting = 32;

/** Sets an attribute; no value, no attribute. Maps and mixed lists become JSON text: dotted names could grow far beyond what was sent. */
export function setAttribute(attributes: Record<string, AttributeValue>, name: string, value: unknown): void {
  if (typeof value === "string" || typeof value === "boolean") put(attributes, name, value);
  else if (typeof value === "number") put(attributes, name, toJsonNumber(value));
  else if (isListOfOneKind(value)) put(attributes, name, value);
  else if (value !== null && value !== undefined) put(attributes, name, JSON.stringify(value));
}

/** Sets a field of a map: a name from outside may be that of the prototype. */
export function put<T>(map: Record<string, T>, name: string, value: T): void {
  if (name !== "__proto__") map[name] = value;
  else Object.defineProperty(map, name, { value, enumerable: true, configurable: true, writable: true });
}

// --- internal ---

/** JSON holds no number that is not finite; its name is kept. */
function toJsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function isListOfOneKind(
  value: unknown,
): value is readonly string[] | readonly number[] | readonly boolean[] {
  if (!Array.isArray(value)) return false;
  const kind = typeof value[0];
  if (kind === "number") return value.every(Number.isFinite);
  return (
    (kind === "string" || kind === "boolean" || value.length === 0) && value.every((x) => typeof x === kind)
  );
}
