// Requests to a store server, each with a deadline, sent again only where that is safe.

import type { z } from "zod";
import { pause, performance } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { readSpelled } from "../../base/spelled-integers.js";
import { isUnprocessed, toAnswerError, toRetryMs } from "./answer-error.js";
import { type Answer, type Connections, openConnections, UnsentError } from "./exchange.js";

export interface WireRequest<T> {
  /** The store's method, for messages. */
  readonly who: string;
  readonly method: "GET" | "POST";
  /** Below /v1/agl. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly answer: z.ZodType<T>;
  /** Doing it twice is the same as once; otherwise it is sent again only when it certainly was not processed. */
  readonly isRepeatable: boolean;
  /** How long the server itself may take, besides the transport's own limit. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface TransportOptions {
  readonly key: string | null;
  /** For a request with its repetitions. */
  readonly timeoutMs: number;
}

export class Transport {
  readonly #base: URL;
  readonly #timeoutMs: number;
  readonly #connections: Connections;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** What breaks off the requests that wait. */
  readonly #waits = new Set<() => void>();
  #isClosed = false;

  /** @param base  as in http://127.0.0.1:4747/v1/agl */
  constructor(base: URL, { key, timeoutMs }: TransportOptions) {
    this.#base = base;
    this.#timeoutMs = timeoutMs;
    this.#connections = openConnections(base, key === null ? {} : { authorization: `Bearer ${key}` });
  }

  /** @throws E_CLOSED */
  checkOpen(who: string): void {
    if (this.#isClosed) throw new LightningError("E_CLOSED", `store.${who}: the store was closed`);
  }

  /** @throws the LightningError that the server names; E_STORE when it does not answer; E_CLOSED, signal.reason */
  async send<T>(request: WireRequest<T>): Promise<T> {
    this.checkOpen(request.who);
    const sent = this.#send(request);
    this.#inFlight.add(sent);
    try {
      return await sent;
    } finally {
      this.#inFlight.delete(sent);
    }
  }

  /** Ends requests that wait for something and those that would be sent again; awaits the others. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of [...this.#waits]) end();
    await Promise.allSettled(this.#inFlight);
    this.#connections.close();
  }

  async #send<T>(request: WireRequest<T>): Promise<T> {
    const { who, isRepeatable, waitMs = 0, signal } = request;
    const deadline = performance.now() + this.#timeoutMs + waitMs;
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      const outcome = await this.#try(request, deadline - performance.now());
      signal?.throwIfAborted();
      if ("text" in outcome && outcome.status >= 200 && outcome.status < 300)
        return parseAnswer(request, outcome, this.#base);
      if (waitMs > 0 || tries > 0) this.checkOpen(who);
      const error = "text" in outcome ? toAnswerError(who, outcome) : this.#unreachable(request, outcome);
      const isUnseen = "text" in outcome ? isUnprocessed(outcome) : outcome instanceof UnsentError;
      const isTransient = !("text" in outcome) || outcome.status >= 500;
      if (!isUnseen && !(isRepeatable && isTransient)) throw error;
      // Those that were told the same time do not come back in the same moment.
      const toldMs = "text" in outcome ? toRetryMs(outcome) * (1 + Math.random()) : 0;
      const backOffMs = toldMs + Math.min(50 * 2 ** tries, 2000) * (0.5 + Math.random() / 2);
      if (performance.now() + backOffMs >= deadline) throw error;
      await this.#rest(backOffMs, signal);
      this.checkOpen(who);
    }
  }

  /** The answer, or why there is none. */
  async #try(request: WireRequest<unknown>, timeoutMs: number): Promise<Answer | Error> {
    const { method, body = "", waitMs = 0, signal } = request;
    const path = `${this.#base.pathname}${request.path}`;
    let stop = (): void => undefined;
    try {
      return await this.#connections.exchange({ method, path, body, timeoutMs }, (breakOff) => {
        stop = () => breakOff(new Error("no longer wanted"));
        signal?.addEventListener("abort", stop, { once: true });
        if (waitMs > 0) this.#waits.add(stop);
      });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#waits.delete(stop);
    }
  }

  // Ends early, and quietly, when the caller or the store gives up: both are looked at after it.
  async #rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const controller = new AbortController();
    const stop = () => controller.abort();
    this.#waits.add(stop);
    signal?.addEventListener("abort", stop, { once: true });
    await pause(ms, undefined, { signal: controller.signal }).catch(() => undefined);
    this.#waits.delete(stop);
    signal?.removeEventListener("abort", stop);
  }

  #unreachable({ who, isRepeatable }: WireRequest<unknown>, cause: Error): LightningError {
    const isUncertain = !isRepeatable && !(cause instanceof UnsentError);
    const remedy = isUncertain ? "it is not known whether it was done" : "is its server running?";
    const message = `store.${who}: no answer from ${this.#base.origin}: ${cause.message}; ${remedy}`;
    return new LightningError("E_STORE", message, { cause });
  }
}

// --- internal ---

function parseAnswer<T>({ who, answer }: WireRequest<T>, { text }: Answer, base: URL): T {
  let json: unknown;
  try {
    json = readSpelled(text);
  } catch (cause) {
    throw notAStore(who, base, text.slice(0, 100), cause);
  }
  const parsed = answer.safeParse(json);
  if (parsed.success) return parsed.data;
  throw notAStore(who, base, parsed.error.issues[0]?.path.join(".") ?? "", parsed.error);
}

function notAStore(who: string, base: URL, got: string, cause: unknown): LightningError {
  const message = `store.${who}: expected an answer of the store's routes from ${base.origin}${base.pathname}, got ${JSON.stringify(got)}`;
  return new LightningError("E_STORE", message, { cause });
}
