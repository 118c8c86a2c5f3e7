// The grammar of objects: listed properties in their order, each once, then unlisted ones. A rule stands for a place in the list and how many
// have been written, counted only as far as it matters, so that the grammar grows with the list and not with its subsets.
import type { ObjectKind } from "./alternatives.js";
import type { GrammarNode } from "./grammar.js";
import { propertyNodes } from "./layers.js";
import type { SchemaNode } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";
import { quotedText } from "./text-automata.js";
import { listedByNames, unlistedNames } from "./unlisted-names.js";
import { allowsValue } from "./value-check.js";
import { choiceOf, kEmpty, kNothing, repeatOf, sequenceOf, textNode, type Writer } from "./writer.js";

type WriteNodes = (nodes: readonly SchemaNode[]) => GrammarNode;

/** @throws E_ARGUMENT, here or later, for what cannot be enforced */
export function writeObject(writer: Writer, value: WriteNodes, kind: ObjectKind): GrammarNode {
  const listed = listedMembers(writer, value, kind);
  if (listed === undefined) return kNothing;
  const body: Body = { ...listed, ...counting(listed, kind), writer };
  return sequenceOf([textNode("{"), ...tail(body, 0, 0), textNode("}")]);
}

// --- internal ---

interface Member {
  /** Name, colon and value. */
  readonly node: readonly GrammarNode[];
  readonly isRequired: boolean;
}

interface Listed {
  readonly members: readonly Member[];
  readonly unlisted: GrammarNode | undefined;
}

interface Body extends Listed {
  readonly writer: Writer;
  readonly min: number;
  readonly max: number | null;
  /** Counts stay here once they have come to it, unless there is a most. */
  readonly cap: number;
  readonly places: Map<string, GrammarNode>;
}

function listedMembers(writer: Writer, value: WriteNodes, kind: ObjectKind): Listed | undefined {
  const { layers, path } = kind;
  const required = new Set(layers.flatMap((layer) => layer.required));
  const byNames = listedByNames(writer.opener, kind);
  const names = [
    ...layers.flatMap(({ properties }) => [...properties.keys()]),
    ...required,
    ...(byNames ?? []),
  ];
  const members: Member[] = [];
  const listed = new Set(names);
  for (const name of listed) {
    writer.document.spend(layers.length + Math.ceil(name.length / 8), path);
    const nodes = isNamed(writer, kind, name) ? propertyNodes(layers, name) : "never";
    if (nodes !== "never")
      members.push({
        node: [textNode(`${JSON.stringify(name)}: `), value(nodes)],
        isRequired: required.has(name),
      });
    else if (required.has(name)) return undefined;
  }
  const isClosed = layers.some(
    ({ additional, patterns }) => additional?.schema === false && patterns.length === 0,
  );
  if (byNames !== undefined || isClosed) return { members, unlisted: undefined };
  const classes = unlistedNames(writer.opener, kind, listed).map((one) =>
    sequenceOf([quotedText(one.names), textNode(": "), value(one.nodes)]),
  );
  // A rule, since it stands in several places.
  const unlisted = classes.length === 0 ? undefined : writer.fresh(() => choiceOf(classes));
  return { members, unlisted };
}

function isNamed({ opener }: Writer, { layers }: ObjectKind, name: string): boolean {
  return layers.every(
    ({ names }) => names === null || opener.all([names]).some((one) => allowsValue(opener, one, name)),
  );
}

/** How far members must be counted: to tell the first from the others, and for minProperties and maxProperties where they matter. */
function counting(
  { members, unlisted }: Listed,
  { min, max, path }: ObjectKind,
): Omit<Body, keyof Listed | "writer"> {
  const required = members.filter(({ isRequired }) => isRequired).length;
  const least = min <= required ? 0 : min;
  const most = max !== null && (unlisted !== undefined || max < members.length) ? max : null;
  const cap = Math.max(1, most ?? least);
  if (cap * members.length > kMostPlaces)
    throw refusedKeyword(
      most === null ? "minProperties" : "maxProperties",
      path,
      "it counts too many properties",
    );
  // Unlisted names may be written twice, and then count once.
  if (unlisted !== undefined && least > required + 1)
    throw refusedKeyword("minProperties", path, "list the properties, or require them by name");
  return { min: least, max: most, cap, places: new Map() };
}

const kMostPlaces = 10_000;

/** What may follow when the members before `from` have been decided and `written` of them are there. */
function tail(body: Body, from: number, written: number): GrammarNode[] {
  const parts: GrammarNode[] = [];
  let [at, count] = [from, written];
  for (; body.members[at]?.isRequired === true; at++) {
    if (body.max !== null && count >= body.max) return [kNothing];
    parts.push(...separated(count, body.members[at]));
    count = Math.min(count + 1, body.cap);
  }
  if (at >= body.members.length) return [...parts, unlistedTail(body, count)];
  return [...parts, optionalPlace(body, at, count)];
}

/** An optional member is written or not. */
function optionalPlace(body: Body, at: number, count: number): GrammarNode {
  const key = `${at} ${count}`;
  const known = body.places.get(key);
  if (known !== undefined) return known;
  const place = body.writer.fresh(() => {
    const without = sequenceOf(tail(body, at + 1, count));
    if (body.max !== null && count >= body.max) return without;
    const next = Math.min(count + 1, body.cap);
    const written = sequenceOf([...separated(count, body.members[at]), ...tail(body, at + 1, next)]);
    return choiceOf([written, without]);
  });
  body.places.set(key, place);
  return place;
}

function separated(count: number, member: Member | undefined): readonly GrammarNode[] {
  const node = member?.node ?? [];
  return count === 0 ? node : [textNode(", "), ...node];
}

function unlistedTail({ unlisted, min, max }: Body, count: number): GrammarNode {
  const least = Math.max(0, min - count);
  const most = max === null ? null : max - count;
  if (unlisted === undefined || most === 0) return least === 0 ? kEmpty : kNothing;
  const next = sequenceOf([textNode(", "), unlisted]);
  if (count > 0) return repeatOf(next, least, most);
  const others = repeatOf(next, Math.max(0, least - 1), most === null ? null : most - 1);
  const all = sequenceOf([unlisted, others]);
  return least === 0 ? choiceOf([kEmpty, all]) : all;
}
