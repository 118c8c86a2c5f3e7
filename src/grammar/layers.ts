// What several schemas together say of one item or one property.
import type { ArrayLayer, ObjectLayer } from "./alternatives.js";
import { automatonAccepts } from "./automaton.js";
import type { SchemaNode } from "./schema-document.js";

/** The nodes that must all hold for the item; "never" where one forbids it. */
export function itemNodes(layers: readonly ArrayLayer[], index: number): readonly SchemaNode[] | "never" {
  return together(layers.map(({ first, rest }) => first[index] ?? rest));
}

export function propertyNodes(layers: readonly ObjectLayer[], name: string): readonly SchemaNode[] | "never" {
  return together(layers.flatMap((layer) => layerNodes(layer, name)));
}

/** Nodes of a name that is not listed and matches just the patterns at these places of the layers' patterns. */
export function unlistedNodes(
  layers: readonly ObjectLayer[],
  matches: (layer: number, pattern: number) => boolean,
): readonly SchemaNode[] | "never" {
  return together(
    layers.flatMap(({ patterns, additional }, at) => {
      const matched = patterns.filter((_, index) => matches(at, index)).map(({ node }) => node);
      return matched.length > 0 ? matched : [additional];
    }),
  );
}

// --- internal ---

function layerNodes(layer: ObjectLayer, name: string): readonly (SchemaNode | null)[] {
  const listed = layer.properties.get(name);
  const matched = layer.patterns.filter(({ test }) => automatonAccepts(test.automaton, name));
  const nodes = [...(listed === undefined ? [] : [listed]), ...matched.map(({ node }) => node)];
  return nodes.length > 0 ? nodes : [layer.additional];
}

function together(nodes: readonly (SchemaNode | null)[]): readonly SchemaNode[] | "never" {
  const said = nodes.filter((node) => node !== null);
  return said.some(({ schema }) => schema === false) ? "never" : said;
}
