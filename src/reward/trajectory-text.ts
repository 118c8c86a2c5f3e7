// What the rollouts of a group said and saw, as text for a judge: what all begin with once, then each by itself.
import type { ChatMessage } from "../types/chat.js";
import type { CallView, RolloutView } from "../types/rollout-view.js";

export interface TrajectoryTexts {
  /** The tools, and the messages that all conversations of all rollouts begin with, a line of JSON each. */
  readonly context: string;
  /** One for each rollout: what follows, and how it ended. */
  readonly texts: readonly string[];
}

export function trajectoryTexts(rollouts: readonly RolloutView[]): TrajectoryTexts {
  const conversations_G = rollouts.map(({ calls }) => longestConversations(calls));
  const all = conversations_G.flat();
  const shared = sharedLength(all);
  const tools = [
    ...new Set(rollouts.flatMap(({ calls }) => calls.map((call) => JSON.stringify(call.tools ?? [])))),
  ];
  const context = [...tools.filter((text) => text !== "[]").map((text) => `{"tools":${text}}`)];
  context.push(...(all[0]?.slice(0, shared) ?? []));
  return {
    context: context.join("\n"),
    texts: rollouts.map(({ error }, i) => {
      const parts = (conversations_G[i] ?? []).map((lines) => lines.slice(shared).join("\n"));
      return [...parts, ...(error === null ? [] : [JSON.stringify({ error })])].join("\n\n");
    }),
  };
}

// --- internal ---

/** Messages a line each; of a conversation that a later call continues, the later one alone. */
function longestConversations(calls: readonly CallView[]): string[][] {
  const found: string[][] = [];
  for (const { agent, messages, answer } of calls) {
    const lines = [...messages, answer].map((message) => line(message));
    // Calls of several agents are told apart where they have names.
    if (agent !== "*") lines.unshift(JSON.stringify({ agent }));
    const before = found.findIndex((other) => other.every((text, i) => text === lines[i]));
    if (before >= 0) found[before] = lines;
    else found.push(lines);
  }
  return found;
}

/** Ids of tool calls differ from rollout to rollout and say nothing. */
function line({ role, content, tool_calls }: ChatMessage): string {
  const calls = tool_calls?.map(({ function: { name, arguments: args } }) => ({ name, arguments: args }));
  return JSON.stringify({ role, content: content ?? "", ...(calls?.length ? { tool_calls: calls } : {}) });
}

/** An answer is never among them, though all gave the same: there is something to judge in every conversation. */
function sharedLength(conversations: readonly (readonly string[])[]): number {
  const [first = []] = conversations;
  const longest = Math.min(first.length, ...conversations.map((lines) => lines.length - 1));
  let shared = 0;
  while (shared < longest && conversations.every((lines) => lines[shared] === first[shared])) shared += 1;
  return shared;
}
