// Sampled tokens as OpenAI's chat completion, whole or in chunks. The chunks' pieces concatenate to the whole answer.
import type { SampledChoice } from "../../policy/policy.js";
import type { Tokenizer } from "../../policy/tokenizer/tokenizer.js";
import { parseToolCalls } from "../../policy/tool-calls.js";
import type { ToolCall } from "../../types/chat.js";
import { logprobsOf } from "./token-logprobs.js";

export interface AnswerChoice {
  readonly index: number;
  readonly content: string | null;
  readonly toolCalls: readonly ToolCall[];
  /** "aborted": the client of a stream went away. */
  readonly finishReason: "stop" | "length" | "tool_calls" | "aborted";
  readonly sampled: SampledChoice;
}

export interface AnswerOptions {
  readonly tokenizer: Tokenizer;
  /** The policy's stop set and what the request adds to it. */
  readonly stopTokenIds: readonly number[];
  readonly stop: readonly string[];
  readonly hasTools: boolean;
  /** The prompt ended inside a thought. */
  readonly inThought: boolean;
  /** The answer ends with this many tool calls. Default: any number. */
  readonly mostCalls?: number;
  /** Tool-call ids begin with it. */
  readonly idPrefix: string;
}

/** The text a client sees of tokens: without the token that ended it, cut before a stop string. */
export function visibleText(tokens: ArrayLike<number>, options: AnswerOptions): string {
  const last = tokens.length > 0 ? tokens[tokens.length - 1] : undefined;
  const ended = last !== undefined && options.stopTokenIds.includes(last);
  const text = options.tokenizer.decode(ended ? Array.from(tokens).slice(0, -1) : tokens);
  const cuts = options.stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return cuts.length > 0 ? text.slice(0, Math.min(...cuts)) : text;
}

export function toAnswer(sampled: SampledChoice, index: number, options: AnswerOptions): AnswerChoice {
  const text = visibleText(sampled.tokens, options);
  const { hasTools, inThought, mostCalls } = options;
  const idPrefix = `${options.idPrefix}${index}_`;
  const parsed = hasTools
    ? parseToolCalls(text, { idPrefix, inThought, ...(mostCalls === undefined ? {} : { most: mostCalls }) })
    : { content: text, toolCalls: [] };
  const calls = parsed.toolCalls.length > 0;
  return {
    index,
    content: parsed.content,
    toolCalls: parsed.toolCalls,
    finishReason: sampled.finishReason === "stop" && calls ? "tool_calls" : sampled.finishReason,
    sampled,
  };
}

export interface Completion {
  readonly id: string;
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
  readonly promptTokens: number;
}

/** The unstreamed body. */
export function completionBody(
  completion: Completion,
  choices: readonly AnswerChoice[],
  tokenizer: Tokenizer,
  withLogprobs: boolean,
): Record<string, unknown> {
  return {
    id: completion.id,
    object: "chat.completion",
    created: completion.created,
    model: completion.model,
    choices: choices.map((choice) => ({
      index: choice.index,
      message: {
        role: "assistant",
        content: choice.content,
        refusal: null,
        ...(choice.toolCalls.length > 0 ? { tool_calls: choice.toolCalls } : {}),
      },
      logprobs: withLogprobs ? logprobsOf(choice.sampled, tokenizer) : null,
      finish_reason: choice.finishReason,
    })),
    usage: usageOf(completion, choices),
  };
}

export function usageOf(completion: Completion, choices: readonly AnswerChoice[]): Record<string, number> {
  const sampled = choices.reduce((sum, choice) => sum + choice.sampled.tokens.length, 0);
  return {
    prompt_tokens: completion.promptTokens,
    completion_tokens: sampled,
    total_tokens: completion.promptTokens + sampled,
  };
}
