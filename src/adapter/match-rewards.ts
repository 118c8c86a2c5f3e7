// Which call an emitted reward belongs to. Where the reference walks back to an ever earlier call that has no reward yet, here the
// later of two rewards after one call wins, and none moves to an earlier call.
import { rewardOfSpan } from "../types/span-reward.js";
import type { FoundCall } from "./find-calls.js";
import { type SpanNode, walk } from "./span-tree.js";

export type RewardMatch = "first-occurrence" | "first-sibling";

/**
 * first-occurrence: of the calls that ended before the reward was given, the one that began last.
 * first-sibling: the same among the children of the reward's parent, in their order there.
 * @param finalId  span of the rollout's final reward, which is no call's; null is none
 * @returns rewards by span id; calls without one are absent
 */
export function matchRewards(
  root: SpanNode,
  calls: readonly FoundCall[],
  match: RewardMatch,
  finalId: string | null,
): ReadonlyMap<string, number> {
  const callNodes = new Set(calls.map(({ node }) => node));
  const rewards = new Map<string, number>();
  const nodes = walk(root);
  const lists =
    match === "first-occurrence"
      ? [nodes.toSorted((a, b) => a.startTime - b.startTime)]
      : nodes.map((node) => node.children);
  for (const list of lists) {
    const given = list.filter(({ span }) => finalId === null || span?.spanId !== finalId);
    matchInOrder(given, callNodes, rewards);
  }
  return rewards;
}

// --- internal ---

function matchInOrder(
  nodes: readonly SpanNode[],
  callNodes: ReadonlySet<SpanNode>,
  rewards: Map<string, number>,
): void {
  const before: SpanNode[] = [];
  for (const node of nodes) {
    if (callNodes.has(node)) before.push(node);
    const reward = node.span === null ? null : rewardOfSpan(node.span);
    if (reward === null) continue;
    const call = before.findLast(({ endTime }) => endTime <= node.startTime);
    if (call?.span) rewards.set(call.span.spanId, reward);
  }
}
