// Answers a model call inside the process: the handler's Response goes to the client piece by piece, no faster than
// the client takes it. An abort of the client stops the handler; an abort of the rollout stops both.
import { LightningError } from "../base/error.js";
import type { ModelHandler, ModelRequest } from "../types/model-call.js";
import type { DispatchHandler } from "./dispatcher.js";
import { createResponseSink, type ResponseSink } from "./response-sink.js";
import { takeText } from "./whole-response.js";

export interface ServedCall {
  readonly request: Omit<ModelRequest, "signal">;
  readonly handle: ModelHandler;
  /** Of the rollout. */
  readonly signal: AbortSignal;
  /** Receives the response. */
  readonly client: DispatchHandler;
  /** Runs the client's callbacks in the client's own context. */
  readonly runAsClient: (callback: () => void) => void;
}

/** Resolves when the response was delivered or the client was told of the failure; never rejects. */
export async function serve(call: ServedCall): Promise<void> {
  const stop = new AbortController();
  const sink = createResponseSink(call.client, (reason) => fail(reason));
  let isDone = false;
  const tell = (callback: () => void): void => {
    if (!isDone) call.runAsClient(callback);
  };
  const fail = (reason: unknown): void => {
    if (isDone) return;
    const error = toError(reason);
    tell(() => sink.fail(error));
    isDone = true;
    stop.abort(error);
    sink.release();
  };
  const failByRollout = (): void => fail(call.signal.reason);
  call.signal.addEventListener("abort", failByRollout, { once: true });
  try {
    tell(sink.start);
    if (call.signal.aborted) failByRollout();
    if (!isDone) await play(call, stop.signal, sink, tell);
    tell(sink.end);
    isDone = true;
  } catch (error) {
    fail(error);
  } finally {
    call.signal.removeEventListener("abort", failByRollout);
  }
}

/** @throws E_INTERNAL for a body that is encoded */
export function servedHeaders(response: Response): (readonly [string, string])[] {
  const encoding = response.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw new LightningError(
      "E_INTERNAL",
      `tracing: expected a model handler to answer without content-encoding, got ${encoding}`,
    );
  }
  return [...response.headers].filter(([name]) => !kOfConnection.has(name));
}

// --- internal ---

async function play(
  call: ServedCall,
  signal: AbortSignal,
  sink: ResponseSink,
  tell: (callback: () => void) => void,
): Promise<void> {
  const response = await call.handle({ ...call.request, signal });
  const text = takeText(response);
  if (text !== undefined) return await playWhole(response, text, signal, sink, tell);
  const body = response.body?.getReader();
  // The client has its error already, and a body that fails while it is thrown away has nobody to tell.
  const discard = (): void => void body?.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", discard, { once: true });
  if (signal.aborted) return discard();
  try {
    tell(() => sink.head(response.status, servedHeaders(response), response.statusText));
    for (;;) {
      await sink.readyForMore();
      const piece = await body?.read();
      if (piece?.value === undefined || signal.aborted) return;
      const { buffer, byteOffset, byteLength } = piece.value;
      tell(() => sink.data(Buffer.from(buffer, byteOffset, byteLength)));
    }
  } catch (error) {
    discard();
    throw error;
  } finally {
    signal.removeEventListener("abort", discard);
  }
}

async function playWhole(
  response: Response,
  text: string,
  signal: AbortSignal,
  sink: ResponseSink,
  tell: (callback: () => void) => void,
): Promise<void> {
  if (signal.aborted) return;
  tell(() => sink.head(response.status, servedHeaders(response), response.statusText));
  await sink.readyForMore();
  if (!signal.aborted) tell(() => sink.data(Buffer.from(text)));
}

const kOfConnection = new Set(["content-encoding", "transfer-encoding", "connection", "keep-alive"]);

function toError(reason: unknown): Error {
  if (reason instanceof Error) return reason;
  if (reason === undefined || reason === null)
    return new DOMException("The operation was aborted.", "AbortError");
  return new Error(`aborted: ${String(reason)}`, { cause: reason });
}
