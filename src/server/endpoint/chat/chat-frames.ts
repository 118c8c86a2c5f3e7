// Server-sent events of a chat completion. The chunks' pieces concatenate to the whole answer; ids of tokens and log-probabilities come with the
// chunk that ends a choice.
import { kEventStream } from "../answer-stream.js";
import type { CallHead, CallPiece, Frames, TextPiece } from "../dialect.js";
import { openAiStreamError } from "../open-ai-failure.js";
import { logprobsOf } from "../token-logprobs.js";
import { usageOf } from "./chat-answer.js";
import type { ChatWire } from "./chat-request.js";

export function createChatFrames(call: CallHead): Frames {
  const { request, id, created } = call;
  const { includeUsage } = request.wire as ChatWire;
  // Written once: a chunk for each token is mostly this.
  const head = JSON.stringify({ id, object: "chat.completion.chunk", created, model: request.model }).slice(
    0,
    -1,
  );
  const event = (fields: Record<string, unknown>) => frame(`${head},${JSON.stringify(fields).slice(1)}`);
  const chunk = (
    index: number,
    delta: Record<string, unknown>,
    more: Record<string, unknown> = {},
    top = {},
  ) => event({ choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }], ...top });
  // The last choice's end waits for the usage, which clients that do not ask for it look for there.
  let lastEnd: ((top: Record<string, unknown>) => string) | undefined;
  const prompt = request.tokenIds ? { prompt_token_ids: Array.from(call.promptIds) } : {};
  return {
    contentType: kEventStream,
    open: () =>
      Array.from({ length: request.n }, (_, index) =>
        chunk(index, { role: "assistant", content: "" }, {}, prompt),
      ),
    piece(piece) {
      if (piece.kind !== "end") {
        const delta = JSON.stringify(deltaOf(piece));
        return [
          frame(
            `${head},"choices":[{"index":${piece.choice},"delta":${delta},"logprobs":null,"finish_reason":null}]}`,
          ),
        ];
      }
      const { finishReason, sampled } = piece.answer;
      const logprobs = request.logprobs === null ? null : logprobsOf(sampled, call.tokenizer);
      const ids = request.tokenIds ? { token_ids: Array.from(sampled.tokens) } : {};
      const before = lastEnd?.({});
      lastEnd = (top) => chunk(piece.choice, {}, { logprobs, finish_reason: finishReason, ...ids }, top);
      return before === undefined ? [] : [before];
    },
    close(result) {
      const usage = usageOf(result);
      const end = lastEnd?.(includeUsage === null ? { usage } : {});
      return [
        ...(end === undefined ? [] : [end]),
        ...(includeUsage ? [event({ choices: [], usage })] : []),
        frame("[DONE]"),
      ];
    },
    fail: (error) => [frame(JSON.stringify({ error: openAiStreamError(error) }))],
  };
}

// --- internal ---

function frame(data: string): string {
  return `data: ${data}\n\n`;
}

function deltaOf(piece: TextPiece | CallPiece): Record<string, unknown> {
  if (piece.kind !== "call")
    return piece.kind === "text" ? { content: piece.text } : { reasoning_content: piece.text };
  const { index, id, name, text } = piece;
  const call = piece.isFirst
    ? { index, id, type: "function", function: { name, arguments: text } }
    : { index, function: { arguments: text } };
  return { tool_calls: [call] };
}
