// Sampled tokens as an answer of no particular dialect: what it says, the calls it makes, why it ended.
import type { SampledChoice } from "../../policy/policy.js";
import type { Tokenizer } from "../../policy/tokenizer/tokenizer.js";
import type { ToolCallFamily } from "../../policy/tool-calls/call-forms.js";
import { readHeldCalls } from "../../policy/tool-calls/held-calls.js";
import { type ParsedToolCalls, parseToolCalls } from "../../policy/tool-calls/parse-tool-calls.js";
import { placeThought } from "../../policy/tool-calls/thought-place.js";
import type { ToolCall, ToolDefinition } from "../../types/chat.js";

export interface AnswerChoice {
  readonly index: number;
  /** What was thought before the answer, without the white space around it; null: nothing. */
  readonly thought: string | null;
  /** Without the thought. */
  readonly content: string | null;
  /** The content as it was sampled, the thought with its tags in it. */
  readonly written: string | null;
  readonly toolCalls: readonly ToolCall[];
  /** Calls that were begun and are not well formed: they stayed text. */
  readonly malformedCalls: number;
  /** "aborted": the client of a stream went away. */
  readonly finishReason: "stop" | "length" | "tool_calls" | "aborted";
  /** The request's stop string that ended it; null: none did. */
  readonly stopString: string | null;
  readonly sampled: SampledChoice;
}

export interface AnswerOptions {
  readonly tokenizer: Tokenizer;
  /** The policy's stop set and what the request adds to it. */
  readonly stopTokenIds: readonly number[];
  readonly stop: readonly string[];
  /** What may be called, and how the model writes it; null: nothing, and all is text. */
  readonly calls: { readonly family: ToolCallFamily; readonly tools: readonly ToolDefinition[] } | null;
  /** The sample is held to a grammar: what begins as a call is one, and is a call also where it was cut. */
  readonly isHeld?: boolean;
  /** The prompt ended inside a thought. */
  readonly inThought: boolean;
  /** The prompt is a text of the client's: all of the answer is text, and no thought is set apart. */
  readonly isText?: boolean;
  /** The answer ends with this many tool calls. Default: any number. */
  readonly mostCalls?: number;
  /** Tool-call ids begin with it. */
  readonly idPrefix: string;
}

export function toAnswer(sampled: SampledChoice, index: number, options: AnswerOptions): AnswerChoice {
  const { text, stopString } = visibleText(sampled.tokens, options);
  const { calls: asked, inThought, mostCalls } = options;
  const idPrefix = `${options.idPrefix}${index}_`;
  const most = mostCalls === undefined ? {} : { most: mostCalls };
  const parsed: ParsedToolCalls =
    asked === null
      ? { content: text, toolCalls: [] }
      : (heldCalls(text, index, options) ?? parseToolCalls(text, { ...asked, idPrefix, inThought, ...most }));
  const calls = parsed.toolCalls.length > 0;
  return {
    index,
    ...(options.isText
      ? { thought: null, content: parsed.content }
      : takeApart(parsed.content, inThought, calls)),
    written: parsed.content,
    toolCalls: parsed.toolCalls,
    malformedCalls: parsed.malformed ?? 0,
    finishReason: sampled.finishReason === "stop" && calls ? "tool_calls" : sampled.finishReason,
    stopString,
    sampled,
  };
}

/** Of all choices together. */
export function countAnswerTokens(choices: readonly AnswerChoice[]): number {
  return choices.reduce((sum, choice) => sum + choice.sampled.tokens.length, 0);
}

/** The calls that an answer held to a grammar makes so far, and the text before them; undefined where there are none, or none is known before it is complete. */
export function heldCalls(text: string, index: number, options: AnswerOptions): ParsedToolCalls | undefined {
  const { calls, isHeld, inThought } = options;
  if (calls === null || !isHeld) return undefined;
  const held = readHeldCalls(text, { ...calls, inThought, idPrefix: `${options.idPrefix}${index}_` });
  return held && { content: text.slice(0, held.start).trimEnd() || null, toolCalls: held.toolCalls };
}

// --- internal ---

function takeApart(
  written: string | null,
  inThought: boolean,
  hasCalls: boolean,
): Pick<AnswerChoice, "thought" | "content"> {
  const place = written === null ? undefined : placeThought(written, inThought);
  if (written === null || place === undefined) return { thought: null, content: written };
  const thought = written.slice(place.start, place.end ?? written.length).trim();
  const content = written.slice(place.answer).trimStart();
  return { thought: thought || null, content: content === "" && hasCalls ? null : content };
}

/** The text a client sees of tokens: without the token that ended it, cut before a stop string. */
function visibleText(
  tokens: ArrayLike<number>,
  options: AnswerOptions,
): Pick<AnswerChoice, "stopString"> & { readonly text: string } {
  const last = tokens.length > 0 ? tokens[tokens.length - 1] : undefined;
  const ended = last !== undefined && options.stopTokenIds.includes(last);
  const text = options.tokenizer.decode(ended ? Array.from(tokens).slice(0, -1) : tokens);
  let cut: { readonly at: number; readonly stop: string } | undefined;
  for (const stop of options.stop) {
    const at = text.indexOf(stop);
    if (at >= 0 && (cut === undefined || at < cut.at)) cut = { at, stop };
  }
  return cut === undefined
    ? { text, stopString: null }
    : { text: text.slice(0, cut.at), stopString: cut.stop };
}
