// Opens schema nodes into their alternatives: what a node's own keywords say, and with it what allOf, $ref, anyOf and oneOf add.
import { nearest } from "../base/nearest.js";
import { type Alternative, type ArrayKind, bothOf, type Constants, type ObjectKind } from "./alternatives.js";
import { createKeywordReader, type KeywordReader } from "./keyword-values.js";
import { kAnnotations, kDefinitions, kEnforced, kRefused } from "./keywords.js";
import { createPatterns, localBounds } from "./local-bounds.js";
import { provablyNone } from "./none.js";
import type { Opener } from "./opener.js";
import { checkIdentity, type SchemaDocument, type SchemaNode, type SchemaRecord } from "./schema-document.js";
import { refusedKeyword, refusedValue } from "./schema-refusal.js";
import { allowsValue } from "./value-check.js";

export function createOpener(document: SchemaDocument): Opener {
  const patterns = createPatterns();
  const byNode = new Map<number, readonly Alternative[] | "open">();
  const byKey = new Map<string, readonly Alternative[]>();
  const claims: (() => void)[] = [];
  const opener: Opener = { all, key, settle };
  let depth = 0;
  return opener;

  function key(nodes: readonly SchemaNode[]): string {
    const ids = new Set(nodes.map((node) => (saysNothing(node) ? -1 : node.id)));
    ids.delete(-1);
    return [...ids].sort((a, b) => a - b).join(" ");
  }

  function all(nodes: readonly SchemaNode[]): readonly Alternative[] {
    const name = key(nodes);
    const known = byKey.get(name);
    if (known !== undefined) return known;
    const [first, ...others] = nodes;
    const found = others.reduce(
      (sum, node) => both(sum, open(node), node),
      first === undefined ? anything() : open(first),
    );
    byKey.set(name, found);
    return found;
  }

  function open(node: SchemaNode): readonly Alternative[] {
    if (node.schema === false) return [];
    if (node.schema === true) return anything();
    const known = byNode.get(node.id);
    if (known === "open")
      throw refusedValue("schemas without a cycle of $ref, allOf, anyOf and oneOf", "one", node.path);
    if (known !== undefined) return known;
    if (depth > kMostNested)
      throw refusedValue(`schemas combined at most ${kMostNested} deep`, "more", node.path);
    byNode.set(node.id, "open");
    depth++;
    const found = openRecord(node, node.schema);
    depth--;
    byNode.set(node.id, found);
    return found;
  }

  function openRecord(node: SchemaNode, schema: SchemaRecord): readonly Alternative[] {
    checkKeywords(node, schema);
    checkIdentity(node);
    const reader = createKeywordReader(document, schema, node.path);
    let found = withLiterals(reader, localBounds(reader, patterns));
    if (reader.has("$ref")) {
      const target = document.resolve(schema.$ref, reader.at("$ref"));
      if (target.schema === false) throw refusedValue("a schema that allows a value", false, target.path);
      found = both(found, open(target), node);
    }
    for (const part of reader.schemas("allOf") ?? []) found = both(found, open(part), node);
    const any = reader.schemas("anyOf");
    if (any !== undefined) found = both(found, union(any.map(open)), node);
    const one = reader.schemas("oneOf");
    if (one !== undefined) found = both(found, oneOf(one, reader), node);
    if (found.length === 0)
      throw refusedValue("a schema that some value satisfies", "one that contradicts itself", node.path);
    return closeUnevaluated(reader, found);
  }

  function both(
    a: readonly Alternative[],
    b: readonly Alternative[],
    { path }: SchemaNode,
  ): readonly Alternative[] {
    document.spend(a.length * b.length, path);
    return union(a.map((x) => b.map((y) => meet(x, y)).filter((found) => found !== undefined)));
  }

  function meet(a: Alternative, b: Alternative): Alternative | undefined {
    if (a.kind !== "constants" && b.kind !== "constants") return bothOf(a, b);
    const [constants, other] = a.kind === "constants" ? [a, b] : [b as Constants, a];
    const values = constants.values.filter((value) => allowsValue(opener, other, value));
    return values.length === 0 ? undefined : { kind: "constants", values };
  }

  function withLiterals(reader: KeywordReader, local: readonly Alternative[]): readonly Alternative[] {
    const lists = [reader.list("enum"), reader.has("const") ? [reader.raw("const")] : undefined];
    let found = local;
    for (const [index, values] of lists.entries()) {
      if (values === undefined) continue;
      const keyword = index === 0 ? "enum" : "const";
      const kept = values.filter((value) => found.some((other) => allowsValue(opener, other, value)));
      if (kept.length === 0)
        throw refusedValue(`${keyword} to hold a value that the schema allows`, values, reader.at(keyword));
      found = [{ kind: "constants", values: kept }];
    }
    return found;
  }

  // Later, when nothing is half open: what tells branches apart may lie within a cycle.
  function settle(): void {
    for (let claim = claims.pop(); claim !== undefined; claim = claims.pop()) claim();
  }

  /** Exactly one may hold: shown, for every two, by what they say. */
  function oneOf(nodes: readonly SchemaNode[], reader: KeywordReader): readonly Alternative[] {
    const branches = nodes.map(open);
    for (const [i, a] of branches.entries())
      for (const [j, b] of branches.slice(0, i).entries()) claims.push(() => showApart(a, b, [j, i], reader));
    return union(branches);
  }

  function showApart(
    a: readonly Alternative[],
    b: readonly Alternative[],
    [i, j]: readonly [number, number],
    reader: KeywordReader,
  ): void {
    const path = reader.at("oneOf");
    document.spend(a.length * b.length, path);
    for (const x of a)
      for (const y of b) {
        const common = meet(x, y);
        if (common === undefined || provablyNone(opener, common)) continue;
        const remedy = "write anyOf, or tell them apart by a const property that each requires";
        throw refusedValue(
          "oneOf of schemas that share no value",
          `[${i}] and [${j}], which may`,
          path,
          remedy,
        );
      }
  }
}

// --- internal ---

const kMostNested = 100;

function anything(): readonly Alternative[] {
  return [
    { kind: "constants", values: [null, true, false] },
    { kind: "number", isInteger: false, min: null, max: null, divisors: [], path: null },
    { kind: "string", tests: [], min: 0, max: null, path: null },
    { kind: "array", layers: [], min: 0, max: null },
    { kind: "object", layers: [], min: 0, max: null, path: null },
  ];
}

function saysNothing({ schema }: SchemaNode): boolean {
  if (typeof schema === "boolean") return schema;
  for (const keyword in schema)
    if (schema[keyword] !== undefined && !kAnnotations.has(keyword) && !keyword.startsWith("x-"))
      return false;
  return true;
}

/** One after the other; constants of several are one. */
function union(lists: readonly (readonly Alternative[])[]): readonly Alternative[] {
  const all = lists.flat();
  const constants = all.filter((one) => one.kind === "constants");
  const [first] = constants;
  if (first === undefined || constants.length === 1) return all;
  const merged: Constants = { kind: "constants", values: constants.flatMap(({ values }) => values) };
  return all
    .filter((one) => one === first || one.kind !== "constants")
    .map((one) => (one === first ? merged : one));
}

function checkKeywords({ path }: SchemaNode, schema: SchemaRecord): void {
  for (const keyword of Object.keys(schema)) {
    if (schema[keyword] === undefined || keyword.startsWith("x-")) continue;
    if (kEnforced.has(keyword) || kDefinitions.has(keyword) || kAnnotations.has(keyword)) continue;
    if (keyword === "uniqueItems" && schema[keyword] === false) continue;
    const remedy = kRefused.get(keyword);
    throw refusedKeyword(keyword, path, remedy ?? remedyForUnknown(keyword));
  }
}

function remedyForUnknown(keyword: string): string {
  if (["_zod", "_def", "~standard"].includes(keyword)) return "give z.toJSONSchema(schema)";
  const near = nearest(keyword, [...kEnforced, ...kRefused.keys()], 0.4);
  return near === undefined ? "it is no keyword of JSON schema" : `did you mean ${JSON.stringify(near)}?`;
}

/** What no keyword of the schema or of those within it has said anything of. */
function closeUnevaluated(reader: KeywordReader, found: readonly Alternative[]): readonly Alternative[] {
  let all = found;
  for (const [keyword, kind] of [
    ["unevaluatedProperties", "object"],
    ["unevaluatedItems", "array"],
  ] as const) {
    const node = reader.schema(keyword);
    if (node === undefined || node.schema === true) continue;
    if (all.filter((one) => one.kind === kind).length > 1)
      throw refusedKeyword(keyword, reader.path, "write additionalProperties in every branch of anyOf");
    all = all.map((one) => (one.kind === kind ? closed(one, node) : one));
  }
  return all;
}

function closed(one: ArrayKind | ObjectKind, node: SchemaNode): Alternative {
  if (one.kind === "array") {
    if (one.layers.some(({ rest }) => rest !== null)) return one;
    const first = Array.from(
      { length: Math.max(0, ...one.layers.map((layer) => layer.first.length)) },
      () => kAnyNode,
    );
    return { ...one, layers: [...one.layers, { first, rest: node }] };
  }
  if (one.layers.some(({ additional }) => additional !== null)) return one;
  const names = one.layers.flatMap(({ properties }) => [...properties.keys()]);
  const patterns = one.layers.flatMap((layer) =>
    layer.patterns.map(({ test }) => ({ test, node: kAnyNode })),
  );
  const properties = new Map(names.map((name) => [name, kAnyNode]));
  return {
    ...one,
    layers: [...one.layers, { properties, required: [], patterns, additional: node, names: null }],
  };
}

const kAnyNode: SchemaNode = { id: -1, schema: true, path: null };
