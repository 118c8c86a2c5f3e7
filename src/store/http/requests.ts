// Kinds of requests that the HTTP store makes of its transport: reads, changes, searches, and waits made of bounded ones.

import type { z } from "zod";
import { pause, performance } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { writeSpelled } from "../../base/spelled-integers.js";
import { checkPaging, type PagingFields } from "../paging.js";
import type { WaitOptions } from "../store-records.js";
import { toTimeoutMs } from "../waiters.js";
import type { Transport } from "./transport.js";
import { toWireQuery } from "./wire-queries.js";

/** How a request differs from one that changes something and waits for nothing. */
export interface How {
  readonly isRepeatable?: boolean;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export const kRepeatable: How = { isRepeatable: true };

export class Requests {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @throws E_CLOSED */
  checkOpen(who: string): void {
    this.#transport.checkOpen(who);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  get<T>(who: string, path: string, answer: z.ZodType<T>): Promise<T> {
    return this.#transport.send({ who, method: "GET", path, answer, isRepeatable: true });
  }

  async post<T>(who: string, path: string, body: object, answer: z.ZodType<T>, how: How = {}): Promise<T> {
    const { isRepeatable = false, waitMs, signal } = how;
    const text = toText(who, body);
    return this.#transport.send({
      who,
      method: "POST",
      path,
      body: text,
      answer,
      isRepeatable,
      waitMs,
      signal,
    });
  }

  async search<T>(
    who: string,
    path: string,
    query: PagingFields,
    fields: readonly string[],
    answer: z.ZodType<T>,
  ): Promise<T> {
    this.#transport.checkOpen(who);
    checkPaging(`store.${who}`, query, fields);
    return this.post(who, path, toWireQuery(query), answer, kRepeatable);
  }

  // Asks for bounded waits until one is done or the caller's own time is up.
  async poll<T>(
    who: string,
    options: WaitOptions,
    ask: (waitMs: number, signal: AbortSignal | undefined) => Promise<{ value: T; isDone: boolean }>,
  ): Promise<T> {
    const { signal } = options;
    const deadline = performance.now() + toTimeoutMs(who, options);
    signal?.throwIfAborted();
    for (;;) {
      const start = performance.now();
      const waitMs = Math.min(Math.max(deadline - start, 0), kPollMs);
      const { value, isDone } = await ask(waitMs, signal);
      if (isDone || performance.now() >= deadline) return value;
      // A server that closes, or that does not wait, answers at once.
      if (performance.now() - start < 50) await pause(50);
    }
  }
}

// --- internal ---

/** Of one request of a long wait. */
const kPollMs = 20_000;

function toText(who: string, body: object): string {
  try {
    return writeSpelled(body);
  } catch (cause) {
    const message = `store.${who}: expected values that JSON can carry: ${String(cause)}`;
    throw new LightningError("E_ARGUMENT", message, { cause });
  }
}
