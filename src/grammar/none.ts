// Whether an alternative is shown to allow no value: of the branches of oneOf, which must share none. Not shown is not the same as not so.
import type { Alternative, ArrayKind, ObjectKind } from "./alternatives.js";
import { itemNodes, propertyNodes } from "./layers.js";
import { numberAutomaton } from "./number-bounds.js";
import type { Opener } from "./opener.js";
import type { SchemaNode } from "./schema-document.js";
import { testsAutomaton } from "./string-tests.js";

export function provablyNone(opener: Opener, alternative: Alternative, depth = 0): boolean {
  switch (alternative.kind) {
    case "constants":
      return alternative.values.length === 0;
    case "number": {
      const { isInteger, min, max } = alternative;
      return isInteger && numberAutomaton({ isInteger, min, max, multipleOf: null })?.length === 0;
    }
    case "string":
      return alternative.tests.length > 1 && testsAutomaton(alternative.tests)?.length === 0;
    case "array":
      return requiredItems(alternative).some((nodes) => isNone(opener, nodes, depth));
    case "object":
      return requiredProperties(alternative).some((nodes) => isNone(opener, nodes, depth));
  }
}

// --- internal ---

const kMostDeep = 4;
const kMostItems = 16;

function isNone(opener: Opener, nodes: readonly SchemaNode[] | "never", depth: number): boolean {
  if (nodes === "never") return true;
  if (depth > kMostDeep) return false;
  return opener.all(nodes).every((one) => provablyNone(opener, one, depth + 1));
}

function requiredItems({ layers, min }: ArrayKind): (readonly SchemaNode[] | "never")[] {
  return Array.from({ length: Math.min(min, kMostItems) }, (_, index) => itemNodes(layers, index));
}

function requiredProperties({ layers }: ObjectKind): (readonly SchemaNode[] | "never")[] {
  const names = new Set(layers.flatMap(({ required }) => required));
  return [...names].map((name) => propertyNodes(layers, name));
}
