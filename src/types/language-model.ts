// A model that is asked, not trained: a judge, a reflector. What answers, a provider or the policy, makes no difference to who asks.
import type { ChatMessage } from "./chat.js";

export interface LanguageModel {
  /** What decides its answers besides the question, as JSON without any key: journals keep answers under it. */
  readonly identity: Readonly<Record<string, unknown>>;
  /** Since it was made. */
  readonly usage: LanguageUsage;
  /** One answer. Rejects with E_PROVIDER when none came, after retries, and with the signal's reason. */
  ask(question: LanguageQuestion): Promise<LanguageAnswer>;
}

export interface LanguageQuestion {
  /** At least one. */
  readonly messages: readonly ChatMessage[];
  readonly signal?: AbortSignal;
}

export interface LanguageAnswer {
  readonly text: string;
  /** "length" when it was cut; null when nobody said. */
  readonly finishReason: string | null;
  /** Tokens of question and answer; null when nobody counted. */
  readonly promptTokens: number | null;
  readonly responseTokens: number | null;
  /** By the price that was given; null without one, or without counts. */
  readonly cost: number | null;
}

/** Sums; of what was not counted nothing is added. */
export interface LanguageUsage {
  /** Answers that came. */
  readonly answers: number;
  /** Questions that got none in the end. */
  readonly failures: number;
  /** Requests that failed and were sent again. */
  readonly retries: number;
  readonly promptTokens: number;
  readonly responseTokens: number;
  readonly cost: number;
}

/** What is asked of a policy. */
export interface AskablePolicy {
  readonly tokenizer: {
    decode(ids: ArrayLike<number>, options?: { readonly skipSpecial?: boolean }): string;
  };
  renderChat(
    messages: readonly ChatMessage[],
    options?: { readonly addGenerationPrompt?: boolean },
  ): { readonly ids: ArrayLike<number> };
  sample(options: {
    readonly prompt: ArrayLike<number>;
    readonly temperature: number;
    readonly topP: number;
    readonly maxTokens?: number;
    readonly seed: number;
    readonly adapter: string;
    readonly signal: AbortSignal;
  }): Promise<readonly { readonly tokens: ArrayLike<number>; readonly finishReason: string }[]>;
}
