// Spans of one attempt as a tree. Parents that were never recorded become virtual nodes, several roots get one above them.
// repairHierarchy: instrumentation that lost its context hangs calls at the root; time tells where they belong.
import type { Span } from "../types/span.js";

export interface SpanNode {
  /** Null for a node that no span was recorded for. */
  readonly span: Span | null;
  readonly startTime: number;
  /** Infinity while the span is open. */
  readonly endTime: number;
  readonly children: SpanNode[];
}

/**
 * @param spans  children keep this order
 * @returns the root; null when there are no spans
 */
export function toSpanTree(spans: readonly Span[]): SpanNode | null {
  const links = linkSpans(spans);
  const reached = new Set<string>();
  const roots = links.rootIds.flatMap((id) => visit(id, links, reached) ?? []);
  // Spans that are each other's ancestors have no root; the first of them becomes one.
  for (const { spanId } of spans) {
    const root = visit(spanId, links, reached);
    if (root !== undefined) roots.push(root);
  }
  return roots.length > 1 ? virtualNode(roots) : (roots[0] ?? null);
}

/** Every node, a parent before its children. */
export function walk(root: SpanNode): SpanNode[] {
  const found: SpanNode[] = [];
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    found.push(node);
    stack.push(...node.children.toReversed());
  }
  return found;
}

/**
 * Moves each child of the first node that has not exactly one below the shortest node that encloses it in time and is longer.
 * Changes the tree in place.
 */
export function repairHierarchy(root: SpanNode): void {
  let parent = root;
  for (let only = onlyChild(parent); only !== undefined; only = onlyChild(parent)) parent = only;
  for (const child of [...parent.children]) {
    const owner = closestEnclosing(root, child);
    if (owner === undefined) continue;
    parent.children.splice(parent.children.indexOf(child), 1);
    owner.children.push(child);
  }
}

// --- internal ---

interface Links {
  readonly byId: ReadonlyMap<string, Span>;
  readonly childIds: ReadonlyMap<string, readonly string[]>;
  readonly rootIds: readonly string[];
}

function linkSpans(spans: readonly Span[]): Links {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const childIds = new Map<string, string[]>();
  const rootIds: string[] = [];
  for (const { spanId, parentId } of byId.values()) {
    if (parentId === null) rootIds.push(spanId);
    else childIds.set(parentId, [...(childIds.get(parentId) ?? []), spanId]);
  }
  const missing = [...childIds.keys()].filter((id) => !byId.has(id));
  return { byId, childIds, rootIds: [...rootIds, ...missing] };
}

function visit(id: string, links: Links, reached: Set<string>): SpanNode | undefined {
  if (reached.has(id)) return undefined;
  reached.add(id);
  const children = (links.childIds.get(id) ?? []).flatMap((child) => visit(child, links, reached) ?? []);
  const span = links.byId.get(id);
  if (span === undefined) return virtualNode(children);
  return { span, startTime: span.startTime, endTime: span.endTime ?? Number.POSITIVE_INFINITY, children };
}

function virtualNode(children: SpanNode[]): SpanNode {
  return {
    span: null,
    startTime: children.reduce((least, child) => Math.min(least, child.startTime), Number.POSITIVE_INFINITY),
    endTime: children.reduce((most, child) => Math.max(most, child.endTime), Number.NEGATIVE_INFINITY),
    children,
  };
}

function onlyChild(node: SpanNode): SpanNode | undefined {
  return node.children.length === 1 ? node.children[0] : undefined;
}

function closestEnclosing(root: SpanNode, node: SpanNode): SpanNode | undefined {
  const own = new Set(walk(node));
  let closest: SpanNode | undefined;
  let leastExtra = Number.POSITIVE_INFINITY;
  for (const other of walk(root)) {
    if (other === root || own.has(other)) continue;
    if (other.startTime > node.startTime || other.endTime < node.endTime) continue;
    const extra = other.endTime - other.startTime - (node.endTime - node.startTime);
    if (!(extra > 0 && extra < leastExtra)) continue;
    leastExtra = extra;
    closest = other;
  }
  return closest;
}
