// How a JavaScript value is written in spans: with the type names, literals and JSON spacing of the Python system, so
// that its readers understand ours. An integer is `int`, any other number `float`.
import { argumentError, showValue } from "../base/check.js";

/** Scalars and bytes as (type, literal); undefined for what is written as JSON. */
export function toLiteral(value: unknown): { readonly type: string; readonly literal: string } | undefined {
  if (typeof value === "string") return { type: "str", literal: value };
  if (typeof value === "boolean") return { type: "bool", literal: value ? "True" : "False" };
  if (typeof value === "bigint") return { type: "int", literal: value.toString() };
  if (typeof value === "number") return numberToLiteral(value);
  const bytes = toBytes(value);
  return bytes && { type: "bytes", literal: bytes.toString("base64") };
}

/** `dict`, `list`, `NoneType`, or the class name of an object that has toJSON. */
export function jsonType(value: unknown): string {
  if (value === null) return "NoneType";
  if (Array.isArray(value)) return "list";
  return isPlain(value) ? "dict" : ((value as object).constructor?.name ?? "object");
}

/**
 * JSON with ", " and ": " between items and everything beyond ASCII escaped. Plain objects and arrays, or objects with
 * toJSON; properties that are undefined are left out.
 * @throws E_ARGUMENT for what JSON cannot hold: functions, symbols, other classes, NaN and infinities, cycles
 */
export function toPythonJson(who: string, value: unknown): string {
  return writeJson(who, value, []);
}

/** True for objects made by a literal (of any realm) or without prototype. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

// --- internal ---

/** So that no value exhausts the stack. */
const kDeepest = 1000;

function numberToLiteral(value: number): { readonly type: string; readonly literal: string } {
  if (Number.isInteger(value)) return { type: "int", literal: BigInt(value).toString() };
  const name = Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  return { type: "float", literal: Number.isFinite(value) ? String(value) : name };
}

function toBytes(value: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? Buffer.from(value) : undefined;
}

function writeJson(who: string, value: unknown, parents: readonly unknown[]): string {
  if (typeof value === "string") return writeText(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "object") throw notJson(who, value);
  if (parents.includes(value)) throw argumentError(who, "a value that JSON can hold", "a cycle");
  if (parents.length >= kDeepest)
    throw argumentError(who, "a value that JSON can hold", `one nested deeper than ${kDeepest} levels`);
  const inside = [...parents, value];
  const write = (item: unknown): string => writeJson(who, item, inside);
  if (hasToJson(value)) return write(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null)).join(", ")}]`;
  if (!isPlain(value)) throw notJson(who, value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${writeText(key)}: ${write(item)}`).join(", ")}}`;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}

function writeText(text: string): string {
  const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[^ -~]/g, escapeUnit);
}

function notJson(who: string, value: unknown): Error {
  const name = typeof value === "object" ? (value?.constructor?.name ?? "object") : showValue(value);
  return argumentError(
    who,
    "a value that JSON can hold",
    name,
    "give plain objects, arrays, strings and finite numbers",
  );
}
