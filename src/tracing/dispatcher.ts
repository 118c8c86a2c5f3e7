// The parts of undici's dispatchers that interception touches, by structure: the copy inside Node (6 to 8) and any on
// npm. Handlers come in two generations, told apart by onRequestStart; some have both.

export interface DispatchOptions {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
}

export interface Dispatcher {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean;
}

/** The newer generation's handle on a response under way. */
export interface DispatchController {
  readonly aborted: boolean;
  readonly reason: unknown;
  readonly paused: boolean;
  readonly rawHeaders: Buffer[];
  readonly rawTrailers: Buffer[];
  abort(reason?: unknown): void;
  pause(): void;
  resume(): void;
}

/** Older methods first; false from onHeaders or onData asks to wait for resume. */
export interface DispatchHandler {
  onConnect?(abort: (reason?: unknown) => void, context: object): void;
  onHeaders?(status: number, headers: Buffer[], resume: () => void, statusText: string): unknown;
  onData?(chunk: Buffer): unknown;
  onComplete?(trailers: Buffer[]): void;
  onError?(error: Error): void;
  onRequestStart?(controller: DispatchController, context: object): void;
  onResponseStart?(
    controller: DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
    statusText: string,
  ): void;
  onResponseData?(controller: DispatchController, chunk: Buffer): void;
  onResponseEnd?(controller: DispatchController, trailers: object): void;
  onResponseError?(controller: DispatchController, error: Error): void;
}
