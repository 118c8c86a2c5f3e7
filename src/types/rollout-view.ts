// One rollout as judges, critiques and people read it: what each model call saw and said, how its tool calls ended, what was earned.
import type { ChatMessage, ToolDefinition } from "./chat.js";
import type { RolloutOutcome } from "./task-group.js";

export interface RolloutView {
  readonly rolloutId: string;
  readonly attemptId: string;
  /** Index in the group. */
  readonly sample: number;
  readonly outcome: RolloutOutcome;
  /** What the agent returned, or its last emitted primary reward; null for none. */
  readonly reward: number | null;
  /** Every named value that was emitted, in order. */
  readonly emitted: readonly EmittedPart[];
  /** Model calls in the order in which they ended. */
  readonly calls: readonly CallView[];
  /** What went wrong with the rollout; null when nothing did. */
  readonly error: string | null;
}

export interface EmittedPart {
  readonly spanId: string;
  /** "primary" where it was emitted without a name. */
  readonly name: string;
  readonly value: number;
}

export interface CallView {
  readonly spanId: string;
  /** The agent that made the call, "*" where none is named. */
  readonly agent: string;
  /** What the call saw; empty where it was not recorded. */
  readonly messages: readonly ChatMessage[];
  /** Null when none were offered. */
  readonly tools: readonly ToolDefinition[] | null;
  readonly answer: ChatMessage;
  /** Those of the answer, in order. */
  readonly toolCalls: readonly ToolCallView[];
  /** Tool calls that the answer begins and that are not well formed, and so are text. */
  readonly malformedCalls: number;
  /** "length" when the answer was cut. */
  readonly finishReason: string | null;
  /** Tokens of the answer; null where they were not counted. */
  readonly responseTokens: number | null;
  /** Messages of errors that operations threw, or that were emitted, between this call and the next. */
  readonly exceptions: readonly string[];
}

export interface ToolCallView {
  readonly id: string;
  readonly name: string;
  /** As the model wrote them. */
  readonly arguments: string;
  /** `unknown-tool`: not among the tools that were offered. `invalid-arguments`: not what the tool's own JSON schema allows. */
  readonly problem: "unknown-tool" | "invalid-arguments" | null;
  /** Whether the arguments were held against a schema: false without one, and for a schema that cannot be checked. */
  readonly isChecked: boolean;
  /** What the tool answered, as a later call of the rollout saw it; null when none did. */
  readonly result: { readonly content: string; readonly isError: boolean } | null;
}
