// A canonical answer as OpenAI's chat completion.
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import type { CallResult } from "../dialect.js";
import { logprobsOf } from "../token-logprobs.js";

/** The unstreamed body. */
export function completionBody(result: CallResult): Record<string, unknown> {
  const { request, tokenizer } = result;
  return {
    id: result.id,
    object: "chat.completion",
    created: result.created,
    model: request.model,
    ...(request.tokenIds ? { prompt_token_ids: Array.from(result.promptIds) } : {}),
    choices: result.choices.map((choice) => ({
      index: choice.index,
      message: messageOf(choice),
      logprobs: request.logprobs === null ? null : logprobsOf(choice.sampled, tokenizer),
      finish_reason: choice.finishReason,
      ...(request.tokenIds ? { token_ids: Array.from(choice.sampled.tokens) } : {}),
    })),
    usage: usageOf(result),
  };
}

export function usageOf({ promptIds, choices }: CallResult): Record<string, number> {
  const sampled = countAnswerTokens(choices);
  return {
    prompt_tokens: promptIds.length,
    completion_tokens: sampled,
    total_tokens: promptIds.length + sampled,
  };
}

// --- internal ---

function messageOf({ thought, content, toolCalls }: AnswerChoice): Record<string, unknown> {
  return {
    ...{ role: "assistant", content, refusal: null },
    ...(thought === null ? {} : { reasoning_content: thought }),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
}
