// A schema as a graph of nodes: each object of it is one node with its place, found by itself or by a $ref.
import { refusedKeyword, refusedValue, type SchemaPath } from "./schema-refusal.js";

export type SchemaRecord = Readonly<Record<string, unknown>>;

export interface SchemaNode {
  readonly id: number;
  readonly schema: SchemaRecord | boolean;
  readonly path: SchemaPath;
}

export interface SchemaDocument {
  readonly root: SchemaNode;
  /** @throws E_ARGUMENT when it is neither an object nor true nor false, or one too many */
  node(schema: unknown, path: SchemaPath): SchemaNode;
  /** @throws E_ARGUMENT when it leads nowhere in this schema */
  resolve(ref: unknown, path: SchemaPath): SchemaNode;
  /** Counts work, so that what would take long is refused. @throws E_ARGUMENT */
  spend(units: number, path: SchemaPath): void;
}

export function createSchemaDocument(schema: unknown): SchemaDocument {
  const nodes = new Map<object, SchemaNode>();
  let count = 0;
  let spent = 0;
  const spend = (units: number, path: SchemaPath) => {
    spent += units;
    if (spent > kMostWork)
      throw refusedValue(`a schema of at most ${kMostWork} parts and cases`, "more", path);
  };
  const node = (value: unknown, path: SchemaPath): SchemaNode => {
    if (typeof value === "boolean") return { id: value ? -1 : -2, schema: value, path };
    if (!isRecord(value))
      throw refusedValue("a schema (an object, true or false)", value, path, remedyFor(value));
    const known = nodes.get(value);
    if (known !== undefined) return known;
    spend(1, path);
    const made = { id: count++, schema: value, path };
    nodes.set(value, made);
    return made;
  };
  const root = node(schema, null);
  const resolve = (ref: unknown, path: SchemaPath) => {
    if (typeof ref !== "string") throw refusedValue("$ref to be text", ref, path);
    const found = typeof root.schema === "boolean" ? undefined : findReference(root.schema, ref);
    if (found === undefined)
      throw refusedValue("$ref to a place in this schema, as in #/$defs/NAME", ref, path);
    return node(found.value, found.path);
  };
  return { root, node, resolve, spend };
}

export function isRecord(value: unknown): value is SchemaRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws E_ARGUMENT for a $id below the schema itself: references within would mean other places */
export function checkIdentity({ schema, path }: SchemaNode): void {
  if (path !== null && typeof schema === "object" && schema.$id !== undefined)
    throw refusedKeyword("$id", path, "leave it out below the schema itself");
}

/** @returns the part that a `$ref` of the schema leads to; undefined where it leads nowhere in it */
export function findReference(root: SchemaRecord, ref: string): FoundSchema | undefined {
  const own = typeof root.$id === "string" ? root.$id.replace(/#$/, "") : "";
  const local = own !== "" && ref.startsWith(own) ? ref.slice(own.length) : ref;
  if (local === "" || local === "#") return { value: root, path: null };
  if (!local.startsWith("#")) return undefined;
  if (!local.startsWith("#/")) return findAnchor(root, local.slice(1));
  let found: FoundSchema = { value: root, path: null };
  for (const step of local.slice(2).split("/")) {
    const next = stepInto(found, decode(step));
    if (next === undefined) return undefined;
    found = next;
  }
  return found;
}

// --- internal ---

const kMostWork = 50_000;

/** A part of a schema, with its place. */
interface FoundSchema {
  readonly value: unknown;
  readonly path: SchemaPath;
}

function decode(step: string): string {
  const spelled = /^(?:[^%]|%[0-9a-fA-F]{2})*$/.test(step) ? decodePercent(step) : step;
  return spelled.replaceAll("~1", "/").replaceAll("~0", "~");
}

function decodePercent(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step; // not UTF-8: the name as it is
  }
}

function stepInto({ value, path }: FoundSchema, step: string): FoundSchema | undefined {
  if (Array.isArray(value)) {
    const index = /^(?:0|[1-9]\d*)$/.test(step) ? Number(step) : value.length;
    return index < value.length ? { value: value[index], path: { parent: path, step: index } } : undefined;
  }
  if (!isRecord(value) || !Object.hasOwn(value, step)) return undefined;
  return { value: value[step], path: { parent: path, step } };
}

/** Looks through definitions alone, where anchors are written. */
function findAnchor(root: SchemaRecord, name: string): FoundSchema | undefined {
  for (const keyword of ["$defs", "definitions"]) {
    const definitions = root[keyword];
    if (!isRecord(definitions)) continue;
    for (const [key, value] of Object.entries(definitions)) {
      const path = { parent: { parent: null, step: keyword }, step: key };
      if (isRecord(value) && value.$anchor === name) return { value, path };
    }
  }
  return root.$anchor === name ? { value: root, path: null } : undefined;
}

function remedyFor(value: unknown): string | undefined {
  return value === undefined ? undefined : "give JSON schema";
}
