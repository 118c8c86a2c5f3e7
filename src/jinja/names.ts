// The names that statements speak of, inner macros among them: what tells whether a macro takes further arguments.
import type { Block } from "./syntax.js";

export function namesIn(block: Block): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === "object" && node !== null) {
      if ("kind" in node && node.kind === "name" && "name" in node) names.add(String(node.name));
      Object.values(node).forEach(visit);
    }
  };
  visit(block);
  return names;
}
