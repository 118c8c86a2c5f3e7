// The grammar of arrays: the first items each by its schemas, the others counted.
import type { ArrayKind } from "./alternatives.js";
import type { GrammarNode } from "./grammar.js";
import { itemNodes } from "./layers.js";
import type { SchemaNode } from "./schema-document.js";
import { choiceOf, kEmpty, kNothing, repeatOf, sequenceOf, textNode, type Writer } from "./writer.js";

export function writeArray(
  writer: Writer,
  value: (nodes: readonly SchemaNode[]) => GrammarNode,
  { layers, min, max }: ArrayKind,
): GrammarNode {
  const firstCount = Math.max(0, ...layers.map(({ first }) => first.length));
  const first: (readonly SchemaNode[])[] = [];
  let isClosed = false;
  for (let index = 0; index < firstCount && !isClosed; index++) {
    const nodes = itemNodes(layers, index);
    isClosed = nodes === "never";
    if (nodes !== "never") first.push(nodes);
  }
  const rest = isClosed ? "never" : itemNodes(layers, firstCount);
  const most = rest === "never" ? Math.min(first.length, max ?? Infinity) : (max ?? Infinity);
  if (min > most) return kNothing;
  const kept = first.slice(0, Math.min(first.length, most)).map(value);
  const others = rest === "never" || most <= kept.length ? undefined : value(rest);
  const body = { kept, others, min, most };
  return sequenceOf([textNode("["), ...tail(writer, body, 0), textNode("]")]);
}

// --- internal ---

interface Body {
  readonly kept: readonly GrammarNode[];
  readonly others: GrammarNode | undefined;
  readonly min: number;
  readonly most: number;
}

/** What may follow so many items: those that must be there, then, where it may end, the rest or nothing. */
function tail(writer: Writer, body: Body, written: number): GrammarNode[] {
  const { kept, min } = body;
  const parts: GrammarNode[] = [];
  let at = written;
  for (; at < Math.min(min, kept.length); at++) parts.push(...separated(at, kept[at]));
  if (at >= kept.length) return [...parts, ...otherItems(body)];
  const index = at;
  const more = writer.fresh(() =>
    choiceOf([kEmpty, sequenceOf([...separated(index, kept[index]), ...tail(writer, body, index + 1)])]),
  );
  return [...parts, more];
}

function separated(index: number, item: GrammarNode | undefined): GrammarNode[] {
  const items = item === undefined ? [] : [item];
  return index === 0 ? items : [textNode(", "), ...items];
}

function otherItems({ kept, others, min, most }: Body): GrammarNode[] {
  if (others === undefined) return [];
  const [least, max] = [Math.max(0, min - kept.length), most - kept.length];
  const next = sequenceOf([textNode(", "), others]);
  const count = (number: number) => (Number.isFinite(number) ? number : null);
  if (kept.length > 0) return [repeatOf(next, least, count(max))];
  const all = sequenceOf([others, repeatOf(next, Math.max(0, least - 1), count(max - 1))]);
  return [least === 0 ? choiceOf([kEmpty, all]) : all];
}
