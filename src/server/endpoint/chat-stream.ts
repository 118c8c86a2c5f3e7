// Server-sent events of a chat completion while it is sampled. Text goes out as soon as it cannot be part of a tool call or a stop string;
// tool calls and what was held back go out when their choice is complete.
import type { StreamedToken } from "../../policy/policy.js";
import { type AnswerChoice, type AnswerOptions, type Completion, usageOf } from "./chat-answer.js";
import { OpenAiError } from "./open-ai-error.js";
import { logprobsOf } from "./token-logprobs.js";

export interface ChatStream {
  readonly response: Response;
  push(token: StreamedToken): void;
  /** The rest of every choice, then the end. */
  finish(choices: readonly AnswerChoice[]): void;
  /** The client's iteration throws. */
  fail(error: unknown): void;
}

export interface ChatStreamOptions {
  readonly completion: Completion;
  readonly answer: AnswerOptions;
  readonly choices: number;
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
  /** The client went away. */
  onCancel(): void;
}

export function createChatStream(options: ChatStreamOptions): ChatStream {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
    },
    cancel: () => {
      controller = undefined;
      options.onCancel();
    },
  });
  const send = (data: string) => controller?.enqueue(encoder.encode(`data: ${data}\n\n`));
  const { id, model, created } = options.completion;
  const frame = (fields: Record<string, unknown>) =>
    send(JSON.stringify({ id, object: "chat.completion.chunk", created, model, ...fields }));
  const chunk = (index: number, delta: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    frame({ choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }] });
  const texts = Array.from({ length: options.choices }, () => createVisibleText(options.answer));
  for (let index = 0; index < options.choices; index++) chunk(index, { role: "assistant", content: "" });
  return {
    response: new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    }),
    push({ choice, token }) {
      const piece = texts[choice]?.push(token) ?? "";
      if (piece !== "") chunk(choice, { content: piece });
    },
    finish(choices) {
      for (const choice of choices) {
        const rest = (choice.content ?? "").slice(texts[choice.index]?.sent() ?? 0);
        if (rest !== "") chunk(choice.index, { content: rest });
        choice.toolCalls.forEach((call, index) => {
          chunk(choice.index, { tool_calls: [{ index, ...call }] });
        });
        const logprobs = options.logprobs ? logprobsOf(choice.sampled, options.answer.tokenizer) : null;
        chunk(choice.index, {}, { logprobs, finish_reason: choice.finishReason });
      }
      if (options.includeUsage) frame({ choices: [], usage: usageOf(options.completion, choices) });
      send("[DONE]");
      controller?.close();
    },
    fail(error) {
      const status = error instanceof OpenAiError ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      send(
        JSON.stringify({
          error: { message, type: status >= 500 ? "server_error" : "invalid_request_error" },
        }),
      );
      controller?.close();
    },
  };
}

// --- internal ---

interface VisibleText {
  /** The text that this token makes certain. */
  push(token: number): string;
  /** How many characters were handed out. */
  sent(): number;
}

function createVisibleText(options: AnswerOptions): VisibleText {
  const decoder = options.tokenizer.createDecoder();
  const marks = options.hasTools ? [kToolCall, ...options.stop] : options.stop;
  let text = "";
  let sent = 0;
  return {
    push(token) {
      if (options.stopTokenIds.includes(token)) return "";
      text += decoder.push(token);
      const safe = safeLength(text, marks, options.hasTools);
      const piece = text.slice(sent, Math.max(safe, sent));
      sent += piece.length;
      return piece;
    },
    sent: () => sent,
  };
}

const kToolCall = "<tool_call>";

/** How much of the text no mark can reach back into. White space before a tool call is dropped, so it waits as well. */
function safeLength(text: string, marks: readonly string[], trims: boolean): number {
  let safe = text.length;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at >= 0) safe = Math.min(safe, at);
    for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(mark.slice(0, length))) safe = Math.min(safe, text.length - length);
    }
  }
  return trims ? text.slice(0, safe).trimEnd().length : safe;
}
