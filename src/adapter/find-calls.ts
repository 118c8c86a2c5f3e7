// The model calls of a span tree: which spans count, and whose they are.
import type { Span } from "../types/span.js";
import { rewardOfSpan } from "../types/span-reward.js";
import { agentNameOf } from "./agent-name.js";
import { type SpanNode, walk } from "./span-tree.js";

export interface FoundCall {
  readonly node: SpanNode;
  readonly span: Span;
  /** "*" outside every named agent. */
  readonly agent: string;
}

export interface CallRules {
  readonly callMatch: RegExp;
  /** Null: every agent. */
  readonly agentMatch: RegExp | null;
  readonly excludeCallsInReward: boolean;
}

/**
 * Calls in the order of the tree, parents first. A named agent span decides for itself and for all below it, up to the next named
 * one. A response id seen before is the same call reported twice; so is a call without one inside another call. Of several reports of one
 * call that of the endpoint which answered it counts, whoever else recorded it, and wherever it stands.
 */
export function findCalls(root: SpanNode, rules: CallRules): FoundCall[] {
  const found: FoundCall[] = [];
  const agent = rules.agentMatch === null ? "*" : null;
  const answeredIds = new Set(
    walk(root).flatMap(({ span }) => (span !== null && isAnswered(span) ? (callIdOf(span) ?? []) : [])),
  );
  search(
    root,
    { agent, inReward: false, inCall: false },
    { rules, found, responseIds: new Set(), answeredIds },
  );
  return found;
}

/** As regexes of the reference match: anywhere, without state. */
export function matches(pattern: RegExp, text: string): boolean {
  return text.search(pattern) >= 0;
}

/** What tells two reports of one call from two calls; null when nothing does. */
export function callIdOf({ attributes }: Span): string | null {
  const id = attributes["gen_ai.response.id"] ?? attributes["agentlightning.operation.output.id"];
  return id === undefined ? null : String(id);
}

/** The endpoint's own span of a call that it answered. */
export function isAnswered({ attributes }: Span): boolean {
  return attributes["agentlightning.dialect"] !== undefined;
}

// --- internal ---

interface Place {
  /** Null outside the agents that match. */
  readonly agent: string | null;
  readonly inReward: boolean;
  readonly inCall: boolean;
}

interface Search {
  readonly rules: CallRules;
  readonly found: FoundCall[];
  readonly responseIds: Set<string>;
  /** Of calls that an endpoint recorded itself. */
  readonly answeredIds: ReadonlySet<string>;
}

function search(node: SpanNode, above: Place, state: Search): void {
  const place = placeBelow(node, above, state.rules);
  const isCall = isOtherReport(node.span, state) || takeCall(node, place, state);
  const below: Place = {
    agent: place.agent,
    inReward: place.inReward || (node.span !== null && rewardOfSpan(node.span) !== null),
    inCall: place.inCall || isCall,
  };
  for (const child of node.children) search(child, below, state);
}

function placeBelow({ span }: SpanNode, above: Place, { agentMatch }: CallRules): Place {
  const name = span === null ? null : agentNameOf(span);
  if (name === null) return above;
  return { ...above, agent: agentMatch === null || matches(agentMatch, name) ? name : null };
}

/** Of a call that the endpoint has recorded too. */
function isOtherReport(span: Span | null, { answeredIds }: Search): boolean {
  if (span === null || isAnswered(span)) return false;
  const id = callIdOf(span);
  return id !== null && answeredIds.has(id);
}

function takeCall(node: SpanNode, { agent, inReward, inCall }: Place, state: Search): boolean {
  const { rules, found, responseIds } = state;
  const { span } = node;
  if (span === null || agent === null || !matches(rules.callMatch, span.name)) return false;
  if (inReward && rules.excludeCallsInReward) return false;
  const id = callIdOf(span);
  if (id === null ? inCall : responseIds.has(id)) return false;
  if (id !== null) responseIds.add(id);
  found.push({ node, span, agent });
  return true;
}
