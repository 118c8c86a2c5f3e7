// A canonical answer as OpenAI's text completion, whole and in events.
import type { AnswerChoice } from "../answer.js";
import { kEventStream } from "../answer-stream.js";
import { usageOf } from "../chat/chat-answer.js";
import type { CallHead, CallResult, Frames } from "../dialect.js";
import { openAiStreamError } from "../open-ai-failure.js";
import { logprobsOf } from "../token-logprobs.js";
import type { CompletionWire } from "./completion-request.js";

export function completionBody(result: CallResult): Record<string, unknown> {
  const choices = result.choices.map((answer) => ({
    ...{ index: answer.index, text: answer.content ?? "" },
    ...endOf(result, answer),
  }));
  return { ...headOf(result), choices, usage: usageOf(result) };
}

/** Log-probabilities and ids come with the event that ends a choice. */
export function createCompletionFrames(call: CallHead): Frames {
  const { includeUsage } = call.request.wire as CompletionWire;
  const event = (fields: object) => `data: ${JSON.stringify({ ...headOf(call), ...fields })}\n\n`;
  return {
    contentType: kEventStream,
    open: () => [],
    piece(piece) {
      if (piece.kind === "call") return [];
      const { choice: index } = piece;
      const choice =
        piece.kind === "end"
          ? { index, text: "", ...endOf(call, piece.answer) }
          : { index, text: piece.text, logprobs: null, finish_reason: null };
      return [event({ choices: [choice] })];
    },
    close: (result) => [
      ...(includeUsage ? [event({ choices: [], usage: usageOf(result) })] : []),
      "data: [DONE]\n\n",
    ],
    fail: (error) => [`data: ${JSON.stringify({ error: openAiStreamError(error) })}\n\n`],
  };
}

// --- internal ---

function headOf({ id, created, request }: CallHead): Record<string, unknown> {
  return { id, object: "text_completion", created, model: request.model };
}

function endOf({ request, promptIds, tokenizer }: CallHead, answer: AnswerChoice): Record<string, unknown> {
  const { finishReason, sampled } = answer;
  const ids = { prompt_token_ids: Array.from(promptIds), token_ids: Array.from(sampled.tokens) };
  return {
    logprobs: request.logprobs === null ? null : textLogprobs(logprobsOf(sampled, tokenizer).content),
    finish_reason: finishReason,
    ...(request.tokenIds ? ids : {}),
  };
}

/** Lists side by side; offsets count characters from the beginning of the answer. */
function textLogprobs(content: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const tokens = content.map(({ token }) => String(token));
  let offset = 0;
  return {
    tokens,
    token_logprobs: content.map(({ logprob }) => logprob),
    top_logprobs: content.map(({ top_logprobs }) =>
      Object.fromEntries(
        (top_logprobs as readonly { token: string; logprob: number }[]).map(({ token, logprob }) => [
          token,
          logprob,
        ]),
      ),
    ),
    text_offset: tokens.map((token) => {
      offset += token.length;
      return offset - token.length;
    }),
  };
}
