// A scope that keeps what it is given, for tests.
import type { RolloutScope } from "../../src/tracing/context.js";
import type { ModelRequest } from "../../src/types/model-call.js";
import type { SpanDraft } from "../../src/types/span.js";

export interface TestScope extends RolloutScope {
  readonly spans: SpanDraft[];
  readonly dropped: SpanDraft[];
  readonly requests: ModelRequest[];
  readonly controller: AbortController;
}

let scopes = 0;

/** Serves everything with status 500 unless told otherwise. */
export function testScope(changes: Partial<RolloutScope> = {}): TestScope {
  const controller = new AbortController();
  const [spans, dropped, requests]: [SpanDraft[], SpanDraft[], ModelRequest[]] = [[], [], []];
  const { handle = async () => new Response("no handler", { status: 500 }), ...rest } = changes;
  return {
    ...{ spans, dropped, requests, controller, signal: controller.signal },
    ...{ rolloutId: `ro-${scopes++}`, attemptId: "at-1", mode: "train", resources: {} },
    record: (span) => void spans.push(span),
    drop: (span) => void dropped.push(span),
    route: () => "serve",
    handle: (request) => {
      requests.push(request);
      return handle(request);
    },
    ...rest,
  };
}

/** A chat completion whose content is `content`. */
export function completion(content: string): Response {
  return Response.json({
    ...{ id: `chatcmpl-${content}`, object: "chat.completion", created: 1, model: "policy" },
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
}

/** Server-sent events of a chat completion, one per piece, each made when it is asked for. */
export function streamedCompletion(pieces: Iterable<string> | AsyncIterable<string>): Response {
  const encoder = new TextEncoder();
  const chunk = (delta: object, finish_reason: string | null) => {
    const choices = [{ index: 0, delta, finish_reason }];
    const event = { id: "chatcmpl-s", object: "chat.completion.chunk", created: 1, model: "policy", choices };
    return encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
  };
  async function* events() {
    for await (const piece of pieces) yield chunk({ role: "assistant", content: piece }, null);
    yield chunk({}, "stop");
    yield encoder.encode("data: [DONE]\n\n");
  }
  return new Response(ReadableStream.from(events()) as ReadableStream<Uint8Array>, {
    headers: { "content-type": "text/event-stream" },
  });
}

/** The text of the last message of a chat request. */
export function lastMessage(request: ModelRequest): string {
  const { messages } = JSON.parse(new TextDecoder().decode(request.body)) as {
    messages: { content: string }[];
  };
  return messages.at(-1)!.content;
}
