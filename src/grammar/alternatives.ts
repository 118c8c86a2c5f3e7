// What a schema allows, as a list of alternatives of one kind each; a value is valid when one of them allows it. What is nested stays a list
// of schema nodes that must all hold (a conjunction) and is opened when the grammar comes to it.
import type { Automaton } from "./automaton.js";
import type { SchemaNode } from "./schema-document.js";
import type { SchemaPath } from "./schema-refusal.js";

export type Alternative = Constants | NumberKind | StringKind | ArrayKind | ObjectKind;

export interface Constants {
  readonly kind: "constants";
  readonly values: readonly unknown[];
}

export interface NumberKind {
  readonly kind: "number";
  readonly isInteger: boolean;
  /** Inclusive. */
  readonly min: number | null;
  readonly max: number | null;
  readonly divisors: readonly number[];
  readonly path: SchemaPath;
}

export interface StringKind {
  readonly kind: "string";
  readonly tests: readonly StringTest[];
  /** Code points. */
  readonly min: number;
  readonly max: number | null;
  readonly path: SchemaPath;
}

export interface StringTest {
  readonly key: string;
  readonly automaton: Automaton;
}

export interface ArrayKind {
  readonly kind: "array";
  readonly layers: readonly ArrayLayer[];
  readonly min: number;
  readonly max: number | null;
}

/** What one schema says of the items. */
export interface ArrayLayer {
  readonly first: readonly SchemaNode[];
  /** Of the items after the first; null is any. */
  readonly rest: SchemaNode | null;
}

export interface ObjectKind {
  readonly kind: "object";
  readonly layers: readonly ObjectLayer[];
  readonly min: number;
  readonly max: number | null;
  readonly path: SchemaPath;
}

/** What one schema says of the properties. */
export interface ObjectLayer {
  readonly properties: ReadonlyMap<string, SchemaNode>;
  readonly required: readonly string[];
  readonly patterns: readonly { readonly test: StringTest; readonly node: SchemaNode }[];
  /** Of properties that are neither listed nor match a pattern; null is any. */
  readonly additional: SchemaNode | null;
  readonly names: SchemaNode | null;
}

export const kJsonKinds = ["null", "boolean", "integer", "number", "string", "array", "object"] as const;

export type JsonKind = (typeof kJsonKinds)[number];

/** @returns undefined where both cannot hold; the values of constants must be judged by the caller */
export function bothOf(
  a: Exclude<Alternative, Constants>,
  b: Exclude<Alternative, Constants>,
): Exclude<Alternative, Constants> | undefined {
  if (a.kind === "number" && b.kind === "number") {
    const [min, max] = [highest(a.min, b.min), lowest(a.max, b.max)];
    const isInteger = a.isInteger || b.isInteger;
    const divisors = [...new Set([...a.divisors, ...b.divisors])];
    return isCrossed(min, max) ? undefined : { ...a, isInteger, min, max, divisors };
  }
  if (a.kind === "string" && b.kind === "string") {
    const bounds = bothCounts(a, b);
    return bounds && { ...a, ...bounds, tests: distinct([...a.tests, ...b.tests], ({ key }) => key) };
  }
  if (a.kind === "array" && b.kind === "array") {
    const bounds = bothCounts(a, b);
    return bounds && { ...a, ...bounds, layers: [...new Set([...a.layers, ...b.layers])] };
  }
  if (a.kind === "object" && b.kind === "object") {
    const bounds = bothCounts(a, b);
    return bounds && { ...a, ...bounds, layers: [...new Set([...a.layers, ...b.layers])] };
  }
  return undefined;
}

/** Whether no schema has said anything of the kind's values. */
export function isUnbounded(alternative: Alternative): boolean {
  switch (alternative.kind) {
    case "constants":
      return false;
    case "number":
      return (
        !alternative.isInteger &&
        alternative.min === null &&
        alternative.max === null &&
        alternative.divisors.length === 0
      );
    case "string":
      return alternative.tests.length === 0 && alternative.min === 0 && alternative.max === null;
    default:
      return alternative.layers.length === 0 && alternative.min === 0 && alternative.max === null;
  }
}

export function kindOf(value: unknown): JsonKind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "object" ? "object" : typeof value === "string" ? "string" : "boolean";
}

// --- internal ---

interface Counts {
  readonly min: number;
  readonly max: number | null;
}

function bothCounts(a: Counts, b: Counts): Counts | undefined {
  const [min, max] = [Math.max(a.min, b.min), lowest(a.max, b.max)];
  return isCrossed(min, max) ? undefined : { min, max };
}

function highest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

function lowest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function isCrossed(min: number | null, max: number | null): boolean {
  return min !== null && max !== null && min > max;
}

function distinct<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
