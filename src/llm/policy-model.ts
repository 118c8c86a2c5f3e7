// A policy as a language model: its chat template, its tokens, by default its base, which training does not change.
import type { AskablePolicy, LanguageAnswer, LanguageQuestion } from "../types/language-model.js";
import type { LlmSampling } from "./llm-options.js";

/** Counts without a cost. */
export async function askPolicy(
  policy: AskablePolicy,
  adapter: string,
  { temperature = 1, topP = 1, maxTokens, seed = 0 }: LlmSampling,
  { messages, signal }: LanguageQuestion & { readonly signal: AbortSignal },
): Promise<Omit<LanguageAnswer, "cost">> {
  const { ids } = policy.renderChat(messages, { addGenerationPrompt: true });
  const [choice] = await policy.sample({
    ...{ prompt: ids, temperature, topP, seed, adapter, signal },
    ...(maxTokens === undefined ? {} : { maxTokens }),
  });
  const tokens = choice?.tokens ?? [];
  return {
    text: policy.tokenizer.decode(tokens, { skipSpecial: true }),
    finishReason: choice?.finishReason ?? null,
    promptTokens: ids.length,
    responseTokens: tokens.length,
  };
}
