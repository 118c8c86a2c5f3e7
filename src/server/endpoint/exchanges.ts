// What was said before in one rollout: requests and their answers with the ids behind them, and which of them a request continues.
import { isDeepStrictEqual } from "node:util";
import type { CallRequest } from "../../types/call-request.js";
import type { ChatMessage } from "../../types/chat.js";
import { argumentsValue } from "./answer-end.js";
import { contentText, splitThought, type ThoughtAndAnswer } from "./thought.js";

/** What of a request decides how the template writes it. */
export type Conversation = Pick<CallRequest, "messages" | "tools" | "template">;

export interface Exchange {
  /** The request as it was rendered, and the answer as the client saw it. */
  readonly conversation: Conversation;
  /** Of the prompt and what was sampled. */
  readonly ids: Int32Array;
  /** As the template wrote the prompt, spliced or not. */
  readonly promptText: string;
  /** The last that was sampled; -1: nothing was. */
  readonly lastId: number;
}

/** Exchanges by what their messages say. */
export interface Exchanges {
  add(exchange: Exchange): void;
  /** The latest of the longest exchanges that the conversation continues, with the same tools and variables. */
  find(conversation: Conversation): Exchange | undefined;
}

export function createExchanges(): Exchanges {
  const all: { readonly exchange: Exchange; readonly said: readonly Comparable[] }[] = [];
  return {
    add(exchange) {
      all.push({ exchange, said: exchange.conversation.messages.map(toComparable) });
    },
    find({ messages, tools, template }) {
      const asked = messages.map(toComparable);
      let best: (typeof all)[number] | undefined;
      for (const one of all) {
        const { length } = one.said;
        if (length >= asked.length || length < (best?.said.length ?? 0)) continue;
        const earlier = one.exchange.conversation;
        if (!isDeepStrictEqual(earlier.tools, tools) || !isDeepStrictEqual(earlier.template, template))
          continue;
        if (one.said.every((message, i) => isSame(message, asked[i]))) best = one;
      }
      return best?.exchange;
    },
  };
}

// --- internal ---

/** A message by role, content and tool calls; ids of calls and other fields do not count, JSON spacing neither. */
interface Comparable {
  readonly role: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  /** Thought and answer of an assistant's message, and whether the client took them apart, who may have trimmed them. */
  readonly parts: ThoughtAndAnswer;
  readonly isTakenApart: boolean;
}

function toComparable(message: ChatMessage): Comparable {
  const content = contentText(message);
  const { reasoning } = message;
  return {
    role: message.role,
    content,
    calls: (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: argumentsValue(call.function.arguments),
    })),
    parts: trimmed(typeof reasoning === "string" ? toParts(reasoning, content) : splitThought(content)),
    isTakenApart: typeof reasoning === "string",
  };
}

/** Some clients send the thought twice, apart and in the content. */
function toParts(reasoning: string, content: string): ThoughtAndAnswer {
  const parts = trimmed(splitThought(content));
  return parts.thought === reasoning.trim() ? parts : { thought: reasoning, answer: content };
}

function trimmed({ thought, answer }: ThoughtAndAnswer): ThoughtAndAnswer {
  return { thought: thought?.trim() ?? null, answer: answer.trim() };
}

function isSame(said: Comparable, asked: Comparable | undefined): boolean {
  if (said.role !== asked?.role || !isDeepStrictEqual(said.calls, asked.calls)) return false;
  return asked.isTakenApart ? isDeepStrictEqual(said.parts, asked.parts) : said.content === asked.content;
}
