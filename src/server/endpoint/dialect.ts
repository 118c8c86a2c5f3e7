// The contract of a dialect: one wire format of model calls, from its request to the canonical call and from the canonical answer back to its
// answer, whole or in frames. A dialect samples nothing and keeps nothing but through the rollout's ItemMemory.
import type { Tokenizer } from "../../policy/tokenizer/tokenizer.js";
import type { CallRequest, DialectName } from "../../types/call-request.js";
import type { ModelRequest } from "../../types/model-call.js";
import type { PromptEdits } from "../../types/prompt-edits.js";
import type { AnswerChoice } from "./answer.js";
import type { ItemMemory } from "./item-memory.js";
import type { RequestError } from "./request-error.js";

export interface Dialect {
  readonly name: DialectName;
  /** What it serves, as a refusal of something else lists it: "POST /v1/chat/completions". */
  readonly routes: readonly string[];
  /** Ids of its answers begin with it: "chatcmpl-". */
  readonly idPrefix: string;
  /** Its names of fields that are judged outside of it. */
  readonly fields: DialectFields;
  /** Whether a request of this method and path, the query left out, is its. */
  matches(method: string, path: string): boolean;
  /**
   * Answers what is no model call: a count of tokens, an answer that is remembered. Absent, or undefined returned: it is one.
   * @returns a body of JSON; rejects with RequestError
   */
  respond?(request: ModelRequest, means: Means): Promise<unknown> | undefined;
  /** @throws RequestError */
  parse(request: ModelRequest, memory: ItemMemory): CallRequest;
  /** The whole answer: a body of JSON. */
  answer(result: CallResult, memory: ItemMemory): unknown;
  /** The answer piece by piece. Pieces of one choice come in order, those of several interleaved. */
  frames(call: CallHead, memory: ItemMemory): Frames;
  failure(error: RequestError): Response;
  /** The body of a call, which may be forwarded, with edits in it; what cannot be edited comes back as it is. */
  edit(body: unknown, edits: PromptEdits): unknown;
}

export interface DialectFields {
  readonly messages: string;
  readonly tools: string;
  readonly toolChoice: string;
  readonly output: string;
  readonly stopTokenIds: string;
}

/** What a dialect may use to answer without sampling. */
export interface Means {
  readonly memory: ItemMemory;
  /** How many tokens the call's prompt has. Rejects with RequestError. */
  countTokens(request: CallRequest): Promise<number>;
}

/** What is known of an answer before its first token. */
export interface CallHead {
  readonly request: CallRequest;
  /** Of the answer, and of its span. */
  readonly id: string;
  /** Unix seconds, whole. */
  readonly created: number;
  /** The same with its fraction. */
  readonly startTime: number;
  readonly promptIds: Int32Array;
  readonly tokenizer: Tokenizer;
}

export interface CallResult extends CallHead {
  readonly choices: readonly AnswerChoice[];
}

/** Each returns texts that are sent as they are, `data: {...}\n\n`. */
export interface Frames {
  readonly contentType: string;
  open(): string[];
  piece(piece: Piece): string[];
  close(result: CallResult): string[];
  /** Instead of everything that is still to come. */
  fail(error: RequestError): string[];
}

/** A part of an answer's choice, as soon as it is certain. Texts of a kind concatenate to what the whole answer has. */
export type Piece =
  | TextPiece
  | CallPiece
  | { readonly kind: "end"; readonly choice: number; readonly answer: AnswerChoice };

export interface TextPiece {
  readonly kind: "thought" | "text";
  readonly choice: number;
  readonly text: string;
}

/** More of a tool call's arguments. The first of each call has `isFirst`, and perhaps no text. */
export interface CallPiece {
  readonly kind: "call";
  readonly choice: number;
  /** Of the call in the answer. */
  readonly index: number;
  readonly isFirst: boolean;
  readonly id: string;
  readonly name: string;
  /** Of the arguments' JSON. */
  readonly text: string;
}
