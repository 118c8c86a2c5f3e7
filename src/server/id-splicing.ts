// Token ids are never made twice: when a request's messages extend an earlier exchange of the same rollout, its prompt is that exchange's ids as
// they were, and only the text that the template adds after them is encoded. One memory per rollout.
import { isDeepStrictEqual } from "node:util";
import type { Policy } from "../policy/policy.js";
import type { ChatMessage, ToolDefinition } from "../types/chat.js";

/** "start": nothing earlier fits; "extends": spliced; "break": an earlier exchange fits but the template rewrites its history. */
export type Prefix = "start" | "extends" | "break";

export interface SplicedPrompt {
  /** The whole conversation as the template writes it. */
  readonly text: string;
  readonly ids: Int32Array;
  readonly prefix: Prefix;
}

export interface IdMemory {
  /** The prompt's ids. @throws what renderChat throws */
  prompt(messages: readonly ChatMessage[], tools: readonly ToolDefinition[]): SplicedPrompt;
  /** Remembers what was answered: `answer` is the message as the client saw it, `responseIds` as sampled. */
  remember(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    prompt: SplicedPrompt,
    answer: ChatMessage,
    responseIds: Int32Array,
  ): void;
}

export function createIdMemory(policy: Pick<Policy, "renderChat" | "tokenizer" | "config">): IdMemory {
  const exchanges: Exchange[] = [];
  const render = (
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    addGenerationPrompt: boolean,
  ) => policy.renderChat(messages, { ...(tools.length > 0 ? { tools } : {}), addGenerationPrompt });
  const stops = policy.config.eosTokenIds.map((id) => ({ id, text: policy.tokenizer.decode([id]) }));
  return {
    prompt(messages, tools) {
      const whole = render(messages, tools, true);
      const comparable = messages.map(toComparable);
      const earlier = longestPrefix(exchanges, comparable, tools);
      if (earlier === undefined) return { text: whole.text, ids: whole.ids, prefix: "start" };
      const after = render(messages.slice(0, earlier.messages.length), tools, false).text;
      const closing = closingText(earlier, after, stops);
      if (closing === undefined || !whole.text.startsWith(after))
        return { text: whole.text, ids: whole.ids, prefix: "break" };
      const added = policy.tokenizer.encode(closing + whole.text.slice(after.length));
      return { text: whole.text, ids: Int32Array.from([...earlier.ids, ...added]), prefix: "extends" };
    },
    remember(messages, tools, prompt, answer, responseIds) {
      exchanges.push({
        messages: [...messages, answer].map(toComparable),
        tools,
        ids: Int32Array.from([...prompt.ids, ...responseIds]),
        promptText: prompt.text,
        lastId: responseIds.at(-1) ?? -1,
      });
    },
  };
}

// --- internal ---

interface Exchange {
  /** Up to and with the answer. */
  readonly messages: readonly Comparable[];
  readonly tools: readonly ToolDefinition[];
  readonly ids: Int32Array;
  /** As the template wrote it, spliced or not. */
  readonly promptText: string;
  readonly lastId: number;
}

/** A message by role, content and tool calls; ids of calls and other fields do not count, JSON spacing neither. */
interface Comparable {
  readonly role: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
}

function toComparable(message: ChatMessage): Comparable {
  const content = message.content ?? "";
  return {
    role: message.role,
    content: typeof content === "string" ? content : content.map((part) => part.text).join(""),
    calls: (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments:
        typeof call.function.arguments === "string"
          ? parsed(call.function.arguments)
          : call.function.arguments,
    })),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // compared as it is written
  }
}

/** The latest of the longest exchanges that the messages continue. */
function longestPrefix(
  exchanges: readonly Exchange[],
  messages: readonly Comparable[],
  tools: readonly ToolDefinition[],
): Exchange | undefined {
  let best: Exchange | undefined;
  for (const exchange of exchanges) {
    const length = exchange.messages.length;
    if (length >= messages.length || length < (best?.messages.length ?? 0)) continue;
    if (!isDeepStrictEqual(exchange.messages, messages.slice(0, length))) continue;
    if (isDeepStrictEqual(exchange.tools, tools)) best = exchange;
  }
  return best;
}

/** What the template writes after the sampled text of the answer: its end-of-turn token unless that was sampled, and what follows it. */
function closingText(
  exchange: Exchange,
  after: string,
  stops: readonly { readonly id: number; readonly text: string }[],
): string | undefined {
  if (!after.startsWith(exchange.promptText)) return undefined;
  const answer = after.slice(exchange.promptText.length);
  for (const stop of stops) {
    const at = stop.text === "" ? -1 : answer.lastIndexOf(stop.text);
    if (at < 0) continue;
    return stops.some(({ id }) => id === exchange.lastId)
      ? answer.slice(at + stop.text.length)
      : answer.slice(at);
  }
  return undefined;
}
