// unevaluatedProperties and unevaluatedItems: what no keyword of the schema, or of those it is combined with, says anything of.
import type { Alternative, ArrayKind, ObjectKind } from "./alternatives.js";
import type { KeywordReader } from "./keyword-values.js";
import type { SchemaNode } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";

/**
 * @param found  what the rest of the schema allows
 * @throws E_ARGUMENT where it depends on the branch of anyOf what has been said
 */
export function closeUnevaluated(
  reader: KeywordReader,
  found: readonly Alternative[],
): readonly Alternative[] {
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

// --- internal ---

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
