// A canonical answer in Ollama's words, whole and line by line.
import { unixSeconds } from "../../../tracing/span.js";
import { finalFailure } from "../../../tracing/whole-response.js";
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import type { CallHead, CallResult, Frames } from "../dialect.js";
import type { RequestError } from "../request-error.js";
import { logprobsOf } from "../token-logprobs.js";
import { toOllamaCall } from "./ollama-messages.js";

/** How the two interfaces name what was said. */
export type Said = (text: string, thought: string, calls: readonly object[]) => Record<string, unknown>;

export const saidInChat: Said = (content, thinking, calls) => ({
  message: {
    ...{ role: "assistant", content },
    ...(thinking === "" ? {} : { thinking }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  },
});

export const saidInGenerate: Said = (response, thinking) => ({
  response,
  ...(thinking === "" ? {} : { thinking }),
});

export function ollamaBody(said: Said): (result: CallResult) => Record<string, unknown> {
  return (result) => {
    const [answer] = result.choices;
    const { content = "", thought = "" } = answer ?? {};
    return {
      ...lineHead(result.request.model),
      ...said(content ?? "", thought ?? "", callsOf(answer)),
      ...endOf(result),
    };
  };
}

/** Calls come whole, when the answer is. */
export function ollamaFrames(said: Said): (call: CallHead) => Frames {
  return ({ request }) => {
    const line = (fields: object) => `${JSON.stringify({ ...lineHead(request.model), ...fields })}\n`;
    return {
      contentType: "application/x-ndjson",
      open: () => [],
      piece(piece) {
        if (piece.kind === "call") return [];
        if (piece.kind !== "end") {
          const [text, thought] = piece.kind === "text" ? [piece.text, ""] : ["", piece.text];
          return [line({ ...said(text, thought, []), done: false })];
        }
        const calls = callsOf(piece.answer);
        return calls.length === 0 ? [] : [line({ ...said("", "", calls), done: false })];
      },
      close: (result) => [line({ ...said("", "", []), ...endOf(result) })],
      fail: (error) => [`${JSON.stringify(errorBody(error))}\n`],
    };
  };
}

export function ollamaFailure(error: RequestError): Response {
  return finalFailure(errorBody(error), error.status);
}

// --- internal ---

function errorBody({ message }: RequestError): Record<string, unknown> {
  return { error: message };
}

function lineHead(model: string): Record<string, unknown> {
  return { model, created_at: new Date(unixSeconds() * 1000).toISOString() };
}

function callsOf(answer: AnswerChoice | undefined): readonly object[] {
  return (answer?.toolCalls ?? []).map(toOllamaCall);
}

/** Durations are nanoseconds. Reading the prompt is not told from answering. */
function endOf({ choices, promptIds, request, startTime, tokenizer }: CallResult): Record<string, unknown> {
  const [answer] = choices;
  const nanoseconds = Math.max(0, Math.round((unixSeconds() - startTime) * 1e9));
  return {
    ...(request.logprobs === null || answer === undefined
      ? {}
      : { logprobs: logprobsOf(answer.sampled, tokenizer).content }),
    ...{ done: true, done_reason: answer?.finishReason === "length" ? "length" : "stop" },
    ...{ total_duration: nanoseconds, load_duration: 0 },
    ...{ prompt_eval_count: promptIds.length, prompt_eval_duration: 0 },
    ...{ eval_count: countAnswerTokens(choices), eval_duration: nanoseconds },
  };
}
