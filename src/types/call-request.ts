// A model call as an agent asked for it, whatever wire it came on. What is sampled with in the end is the trainer's.
import type { ChatMessage, ToolDefinition } from "./chat.js";

export interface CallRequest {
  readonly model: string;
  /** An assistant's may carry its thought in `reasoning`, apart from the content. */
  readonly messages: readonly ChatMessage[];
  /** What the model is told of; none where it may not call. */
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: "auto" | "none";
  /** false: an answer ends with its first call. */
  readonly parallelToolCalls: boolean;
  readonly sampling: AskedSampling;
  /** How many answers. */
  readonly n: number;
  readonly stream: boolean;
  /** A stream ends with its usage. */
  readonly includeUsage: boolean;
  /** How many of the likeliest tokens stand beside each sampled one's log-probability; null: neither. */
  readonly logprobs: number | null;
  /** Variables of the chat template. */
  readonly template: Readonly<Record<string, unknown>>;
  /** Names of fields that nothing here knows: `messages[].mood`. */
  readonly ignored: readonly string[];
}

/** null where the agent did not say. Units and ranges are those of SampleOptions. */
export interface AskedSampling {
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly minP: number | null;
  readonly maxTokens: number | null;
  readonly stop: readonly string[] | null;
  readonly stopTokenIds: readonly number[] | null;
}
