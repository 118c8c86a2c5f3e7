// A streamed answer: what is sent reaches the client as it is sent.
export interface AnswerStream {
  readonly response: Response;
  send(texts: readonly string[]): void;
  close(): void;
}

/** @param onCancel  the client went away */
export function createAnswerStream(contentType: string, onCancel: () => void): AnswerStream {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
    },
    cancel: () => {
      controller = undefined;
      onCancel();
    },
  });
  return {
    response: new Response(body, { headers: { "content-type": contentType, "cache-control": "no-cache" } }),
    send(texts) {
      for (const text of texts) controller?.enqueue(encoder.encode(text));
    },
    close: () => controller?.close(),
  };
}

/** Of server-sent events. */
export const kEventStream = "text/event-stream; charset=utf-8";
