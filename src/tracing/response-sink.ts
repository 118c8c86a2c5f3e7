// Plays a response into a dispatcher's handler of either generation, as if it had come from a socket, and knows when
// the client asks to wait.
import type { DispatchController, DispatchHandler } from "./dispatcher.js";

/** The order of calls: start, head, data..., end; or fail at any time after start. */
export interface ResponseSink {
  /** Hands the client its means to abort. */
  start(): void;
  head(status: number, headers: readonly (readonly [string, string])[], statusText: string): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(error: Error): void;
  /** Resolves as soon as the client takes more; at once when it did not ask to wait. */
  readyForMore(): Promise<void>;
  /** Ends any waiting, for good. */
  release(): void;
}

/** @param abort  called when the client gives up, perhaps more than once */
export function createResponseSink(handler: DispatchHandler, abort: (reason: unknown) => void): ResponseSink {
  const gate = createGate();
  const player =
    typeof handler.onRequestStart === "function"
      ? playWithController(handler, gate, abort)
      : playLegacy(handler, gate, abort);
  return { ...player, readyForMore: gate.wait, release: gate.release };
}

// --- internal ---

type Player = Pick<ResponseSink, "start" | "head" | "data" | "end" | "fail">;

interface Gate {
  readonly isClosed: () => boolean;
  readonly close: () => void;
  readonly open: () => void;
  readonly wait: () => Promise<void>;
  readonly release: () => void;
}

function createGate(): Gate {
  let isClosed = false;
  let isReleased = false;
  let wake = (): void => undefined;
  const open = (): void => {
    isClosed = false;
    wake();
  };
  return {
    isClosed: () => isClosed,
    close: () => {
      isClosed = !isReleased;
    },
    open,
    wait: () =>
      new Promise((resolve) => {
        if (isClosed) wake = resolve;
        else resolve();
      }),
    release: () => {
      isReleased = true;
      open();
    },
  };
}

function playLegacy(handler: DispatchHandler, gate: Gate, abort: (reason: unknown) => void): Player {
  const obey = (answer: unknown): void => {
    if (answer === false) gate.close();
  };
  return {
    start: () => handler.onConnect?.(abort, {}),
    head: (status, headers, statusText) =>
      obey(handler.onHeaders?.(status, toRawHeaders(headers), gate.open, statusText)),
    data: (chunk) => obey(handler.onData?.(chunk)),
    end: () => handler.onComplete?.([]),
    fail: (error) => handler.onError?.(error),
  };
}

function playWithController(handler: DispatchHandler, gate: Gate, abort: (reason: unknown) => void): Player {
  let rawHeaders: Buffer[] = [];
  let aborted: { readonly reason: unknown } | undefined;
  const controller: DispatchController = {
    get aborted() {
      return aborted !== undefined;
    },
    get reason() {
      return aborted?.reason ?? null;
    },
    get paused() {
      return gate.isClosed();
    },
    get rawHeaders() {
      return rawHeaders;
    },
    rawTrailers: [],
    abort: (reason) => {
      aborted ??= { reason };
      abort(reason);
    },
    pause: gate.close,
    resume: gate.open,
  };
  return {
    start: () => handler.onRequestStart?.(controller, {}),
    head: (status, headers, statusText) => {
      rawHeaders = toRawHeaders(headers);
      handler.onResponseStart?.(controller, status, toHeaderRecord(headers), statusText);
    },
    data: (chunk) => handler.onResponseData?.(controller, chunk),
    end: () => handler.onResponseEnd?.(controller, {}),
    fail: (error) => handler.onResponseError?.(controller, error),
  };
}

function toRawHeaders(headers: readonly (readonly [string, string])[]): Buffer[] {
  return headers.flatMap(([name, value]) => [Buffer.from(name, "latin1"), Buffer.from(value, "latin1")]);
}

function toHeaderRecord(headers: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const earlier = record[name];
    record[name] = earlier === undefined ? value : [earlier, value].flat();
  }
  return record;
}
