// Opens schema nodes into their alternatives: what a node's own keywords say, and with it what $ref, allOf, anyOf and oneOf add.
import type { Alternative } from "./alternatives.js";
import { checkKeywords, saysNothing } from "./check-keywords.js";
import { spellJson } from "./json-spelling.js";
import { createKeywordReader, type KeywordReader } from "./keyword-values.js";
import { createPatterns, localBounds, type Patterns, saysLocally } from "./local-bounds.js";
import { meetAll, meetTwo, unionOf } from "./meet.js";
import { provablyNone } from "./none.js";
import type { Opener } from "./opener.js";
import { checkIdentity, type SchemaDocument, type SchemaNode, type SchemaRecord } from "./schema-document.js";
import { refusedValue } from "./schema-refusal.js";
import { closeUnevaluated } from "./unevaluated.js";
import { allowsValue } from "./value-check.js";

export function createOpener(document: SchemaDocument): Opener {
  const byKey = new Map<string, readonly Alternative[]>();
  const opening: Opening = {
    all(nodes) {
      const key = keyOf(nodes);
      const known = byKey.get(key);
      if (known !== undefined) return known;
      const found = combined(
        opening,
        nodes.map((node) => open(opening, node)),
        nodes[0],
      );
      byKey.set(key, found);
      return found;
    },
    key: keyOf,
    settle() {
      for (let claim = opening.claims.pop(); claim !== undefined; claim = opening.claims.pop()) claim();
    },
    document,
    patterns: createPatterns((states) => document.spend(states, null)),
    byNode: new Map(),
    claims: [],
    depth: 0,
  };
  return opening;
}

// --- internal ---

interface Opening extends Opener {
  readonly document: SchemaDocument;
  readonly patterns: Patterns;
  readonly byNode: Map<number, readonly Alternative[] | "open">;
  /** Of branches of oneOf, that they share no value: shown when nothing is half open, since what tells them apart may lie within a cycle. */
  readonly claims: (() => void)[];
  depth: number;
}

const kMostNested = 100;

function keyOf(nodes: readonly SchemaNode[]): string {
  const ids = new Set(nodes.filter((node) => !saysNothing(node)).map(({ id }) => id));
  return [...ids].sort((a, b) => a - b).join(" ");
}

function anything(): readonly Alternative[] {
  return [
    { kind: "constants", values: [null, true, false] },
    { kind: "number", isInteger: false, min: null, max: null, divisors: [], path: null },
    { kind: "string", tests: [], min: 0, max: null, path: null },
    { kind: "array", layers: [], min: 0, max: null },
    { kind: "object", layers: [], min: 0, max: null, path: null },
  ];
}

function combined(
  opening: Opening,
  lists: readonly (readonly Alternative[])[],
  node: SchemaNode | undefined,
): readonly Alternative[] {
  const [first, ...others] = lists;
  return others.reduce((all, list) => {
    opening.document.spend(all.length * list.length, node?.path ?? null);
    return meetAll(opening, all, list);
  }, first ?? anything());
}

function open(opening: Opening, node: SchemaNode): readonly Alternative[] {
  if (node.schema === false) return [];
  if (node.schema === true) return anything();
  const known = opening.byNode.get(node.id);
  if (known === "open")
    throw refusedValue("schemas without a cycle of $ref, allOf, anyOf and oneOf", "one", node.path);
  if (known !== undefined) return known;
  if (opening.depth > kMostNested)
    throw refusedValue(`schemas combined at most ${kMostNested} deep`, "more", node.path);
  opening.byNode.set(node.id, "open");
  opening.depth++;
  const found = openRecord(opening, node, node.schema);
  opening.depth--;
  opening.byNode.set(node.id, found);
  return found;
}

function openRecord(opening: Opening, node: SchemaNode, schema: SchemaRecord): readonly Alternative[] {
  checkKeywords(node, schema);
  checkIdentity(node);
  const reader = createKeywordReader(opening.document, schema, node.path);
  const lists: (readonly Alternative[])[] = [];
  if (saysLocally(reader)) lists.push(withLiterals(opening, reader, localBounds(reader, opening.patterns)));
  if (reader.has("$ref")) lists.push(openReference(opening, reader, schema.$ref));
  for (const part of reader.schemas("allOf") ?? []) lists.push(open(opening, part));
  const any = reader.schemas("anyOf");
  if (any !== undefined) lists.push(unionOf(any.map((branch) => open(opening, branch))));
  const one = reader.schemas("oneOf");
  if (one !== undefined) lists.push(openOne(opening, one, reader));
  const found = combined(opening, lists, node);
  if (found.length === 0)
    throw refusedValue("a schema that some value satisfies", "one that contradicts itself", node.path);
  return closeUnevaluated(reader, found);
}

function openReference(opening: Opening, reader: KeywordReader, ref: unknown): readonly Alternative[] {
  const target = opening.document.resolve(ref, reader.at("$ref"));
  if (target.schema === false) throw refusedValue("a schema that allows a value", false, target.path);
  return open(opening, target);
}

function withLiterals(
  opening: Opening,
  reader: KeywordReader,
  local: readonly Alternative[],
): readonly Alternative[] {
  let found = local;
  for (const keyword of ["enum", "const"]) {
    if (!reader.has(keyword)) continue;
    const values = keyword === "enum" ? (reader.list(keyword) ?? []) : [reader.raw(keyword)];
    for (const one of values)
      if (spellJson(one) === undefined)
        throw refusedValue(`${keyword} to hold JSON, nested at most 200 deep`, one, reader.at(keyword));
    const kept = values.filter((value) => found.some((other) => allowsValue(opening, other, value)));
    if (kept.length === 0)
      throw refusedValue(`${keyword} to hold a value that the schema allows`, values, reader.at(keyword));
    found = [{ kind: "constants", values: kept }];
  }
  return found;
}

/** Exactly one may hold: shown, for every two, by what they say. */
function openOne(
  opening: Opening,
  nodes: readonly SchemaNode[],
  reader: KeywordReader,
): readonly Alternative[] {
  const branches = nodes.map((node) => open(opening, node));
  for (const [i, a] of branches.entries())
    for (const [j, b] of branches.slice(0, i).entries())
      opening.claims.push(() => {
        opening.document.spend(a.length * b.length, reader.at("oneOf"));
        if (shareNone(opening, a, b)) return;
        const got = `[${j}] and [${i}], which may`;
        const remedy = "write anyOf, or tell them apart by a const property that each requires";
        throw refusedValue("oneOf of schemas that share no value", got, reader.at("oneOf"), remedy);
      });
  return unionOf(branches);
}

function shareNone(opening: Opening, a: readonly Alternative[], b: readonly Alternative[]): boolean {
  return a.every((x) =>
    b.every((y) => {
      const common = meetTwo(opening, x, y);
      return common === undefined || provablyNone(opening, common);
    }),
  );
}
