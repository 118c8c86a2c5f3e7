// What was said before in one rollout: requests and their answers with the ids behind them, and which of them a request continues.
import { isDeepStrictEqual } from "node:util";
import type { CallRequest } from "../../types/call-request.js";
import type { Said } from "./answer-end.js";
import { argumentsValue } from "./call-arguments.js";
import { contentText } from "./chat-content.js";
import type { ThoughtApart } from "./thought.js";

/** What of a request decides how the template writes it. */
export interface Conversation extends Pick<CallRequest, "tools" | "template"> {
  readonly messages: readonly ThoughtApart[];
}

export interface Exchange {
  /** The request as it was rendered, and the answer as the client saw it. */
  readonly conversation: Conversation;
  /** The answer as it was sampled. */
  readonly said: Said;
  /** Of the prompt and what was sampled. */
  readonly ids: Int32Array;
  /** As the template wrote the prompt, spliced or not. */
  readonly promptText: string;
  /** The last that was sampled; -1: nothing was. */
  readonly lastId: number;
}

export interface FoundExchange extends Exchange {
  /** The conversation continues it but for thoughts that did not come back. */
  readonly lacksThought: boolean;
}

/** Exchanges by what their messages say. */
export interface Exchanges {
  add(exchange: Exchange): void;
  /** The latest of the longest exchanges that the conversation continues, with the same tools and variables; rather one of which no thought is missing. */
  find(conversation: Conversation): FoundExchange | undefined;
}

export function createExchanges(): Exchanges {
  const all: { readonly exchange: Exchange; readonly said: readonly Comparable[] }[] = [];
  return {
    add(exchange) {
      all.push({ exchange, said: exchange.conversation.messages.map(toComparable) });
    },
    find({ messages, tools, template }) {
      const asked = messages.map(toComparable);
      let best: FoundExchange | undefined;
      for (const { exchange, said } of all) {
        const length = best?.conversation.messages.length ?? 0;
        if (said.length >= asked.length || said.length < length) continue;
        const earlier = exchange.conversation;
        if (!isDeepStrictEqual(earlier.tools, tools) || !isDeepStrictEqual(earlier.template, template))
          continue;
        if (!said.every((message, i) => isSaidAgain(message, asked[i]))) continue;
        const lacksThought = said.some((message, i) => lacksThoughtOf(message, asked[i]));
        const isWorse = said.length === length && lacksThought && best?.lacksThought === false;
        if (!isWorse) best = { ...exchange, lacksThought };
      }
      return best;
    },
  };
}

// --- internal ---

/** A message by role, thought, content and tool calls; ids of calls and other fields do not count, JSON spacing neither. */
interface Comparable {
  readonly role: string;
  /** Null: there is none, or an empty one. */
  readonly thought: string | null;
  /** Who sets a thought apart, be it empty, may trim what is around it. */
  readonly isTakenApart: boolean;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
}

function toComparable(message: ThoughtApart): Comparable {
  const { role, reasoning } = message;
  const content = contentText(message);
  return {
    role,
    thought: reasoning || null,
    isTakenApart: reasoning !== undefined,
    content,
    calls: (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: argumentsValue(call.function.arguments),
    })),
  };
}

/** But for a thought that may be missing. */
function isSaidAgain(said: Comparable, asked: Comparable | undefined): boolean {
  if (asked === undefined || said.role !== asked.role || !isDeepStrictEqual(said.calls, asked.calls))
    return false;
  if (asked.thought !== null && asked.thought !== said.thought) return false;
  return said.isTakenApart || asked.isTakenApart
    ? said.content.trim() === asked.content.trim()
    : said.content === asked.content;
}

function lacksThoughtOf(said: Comparable, asked: Comparable | undefined): boolean {
  return said.thought !== null && asked?.thought === null;
}
