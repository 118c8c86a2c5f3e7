// Checks of single arguments that throw E_ARGUMENT. Not a schema: records are validated with zod.
import { LightningError } from "./error.js";
import { nearest } from "./nearest.js";

/** Inclusive limits; what is absent does not limit. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** The error of a wrong argument: `who: expected X, got Y; remedy`. */
export function argumentError(who: string, expected: string, got: unknown, remedy?: string): LightningError {
  const tail = remedy === undefined ? "" : `; ${remedy}`;
  return new LightningError("E_ARGUMENT", `${who}: expected ${expected}, got ${showValue(got)}${tail}`);
}

/**
 * @param who  the call, as in `policy.sample`
 * @param name  the argument, as in `maxTokens`
 * @returns the value, a safe integer within the range
 * @throws E_ARGUMENT otherwise
 */
export function checkInteger(who: string, name: string, value: unknown, range: Range = {}): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && isWithin(value, range)) return value;
  throw argumentError(who, `${name} to be an integer${showRange(range)}`, value);
}

/**
 * @returns the value, a finite number within the range
 * @throws E_ARGUMENT otherwise
 */
export function checkNumber(who: string, name: string, value: unknown, range: Range = {}): number {
  if (typeof value === "number" && Number.isFinite(value) && isWithin(value, range)) return value;
  throw argumentError(who, `${name} to be a finite number${showRange(range)}`, value);
}

/**
 * @returns the value, a finite number above 0
 * @throws E_ARGUMENT otherwise
 */
export function checkPositive(who: string, name: string, value: unknown): number {
  const number = checkNumber(who, name, value);
  if (number > 0) return number;
  throw argumentError(who, `${name} above 0`, value);
}

/**
 * @returns the value, one of the choices
 * @throws E_ARGUMENT otherwise
 */
export function checkOneOf<T extends string>(
  who: string,
  name: string,
  value: unknown,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const near = typeof value === "string" ? nearest(value, choices, 0.4) : undefined;
  const remedy = near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`;
  throw argumentError(
    who,
    `${name} to be ${choices.map((c) => JSON.stringify(c)).join(" or ")}`,
    value,
    remedy,
  );
}

/** @throws E_ARGUMENT unless it is true, false or absent */
export function checkBoolean(who: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean")
    throw argumentError(who, `${name} to be true or false`, value);
}

/** @throws E_ARGUMENT unless it is a function or absent */
export function checkFunction(who: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw argumentError(who, `${name} to be a function`, value);
}

/** @throws E_ARGUMENT unless it is text that is not empty */
export function checkText(
  who: string,
  what: string,
  value: unknown,
  remedy?: string,
): asserts value is string {
  if (typeof value !== "string" || value === "") throw argumentError(who, what, value, remedy);
}

/** @throws E_ARGUMENT unless it is an AbortSignal, of any realm, or absent */
export function checkSignal(who: string, signal: unknown): void {
  if (signal === undefined || Object.prototype.toString.call(signal) === "[object AbortSignal]") return;
  const remedy = signal instanceof AbortController ? "pass the controller's signal" : undefined;
  throw argumentError(who, "signal to be an AbortSignal", signal, remedy);
}

/** A short description of a value for an error message: never long, never throws. */
export function showValue(value: unknown): string {
  try {
    return showReadable(value);
  } catch {
    return `a value of type ${typeof value} that cannot be read`;
  }
}

// --- internal ---

function showReadable(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return Object.prototype.toString.call(value).slice(1, -1);
  return String(value);
}

function isWithin(value: number, { min = -Infinity, max = Infinity }: Range): boolean {
  return value >= min && value <= max;
}

function showRange({ min, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  if (max !== undefined) return ` of at most ${max}`;
  return "";
}
