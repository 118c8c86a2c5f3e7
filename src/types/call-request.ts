// A model call as an agent asked for it, whatever wire it came on. What is sampled with in the end is the trainer's.
import type { ChatMessage, ToolDefinition } from "./chat.js";

/** The interfaces that the policy speaks: names of wire formats, not of providers. */
export type DialectName =
  | "openai.chat.completion"
  | "openai.completion"
  | "openai.response"
  | "anthropic.message"
  | "google.generate_content"
  | "vercel.language_model"
  | "ollama.chat"
  | "ollama.generate";

/** Whether the model may, may not or must call, or which tool it must. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** The form that the answer must have. */
export type AskedOutput =
  | { readonly kind: "text" }
  | { readonly kind: "json" }
  | {
      readonly kind: "schema";
      readonly name: string;
      readonly schema: JsonSchema;
      /** Where it stands on the wire; absent: in the one field that the dialect has for it. */
      readonly at?: string;
    };

export interface CallRequest {
  readonly dialect: DialectName;
  readonly model: string;
  /** An assistant's may carry its thought in `reasoning`, apart from the content. */
  readonly messages: readonly ChatMessage[];
  /** The prompt itself, as text or ids, in place of messages: no template is rendered. */
  readonly prompt?: string | readonly number[];
  /** What the model is told of; none where it may not call. */
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
  /** false: an answer ends with its first call. */
  readonly parallelToolCalls: boolean;
  readonly output: AskedOutput;
  readonly sampling: AskedSampling;
  /** How many answers. */
  readonly n: number;
  readonly stream: boolean;
  /** How many of the likeliest tokens stand beside each sampled one's log-probability; null: neither. */
  readonly logprobs: number | null;
  /** The answer carries the ids of its prompt and of its tokens. */
  readonly tokenIds: boolean;
  /** Variables of the chat template. */
  readonly template: Readonly<Record<string, unknown>>;
  /** Names of fields that nothing here knows: `messages[].mood`. */
  readonly ignored: readonly string[];
  /** What the dialect itself needs for its answer; nobody else looks at it. */
  readonly wire: unknown;
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
