// Calls that come together share a transaction: each promise resolves after the commit that holds its write, and the failure of one
// call undoes no other's. Calls run in the order in which they were made.
import { performance, setImmediate, setTimeout } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { isBusy, isDamage, toStoreError } from "./failure.js";
import type { Changes, Tables } from "./tables.js";

/**
 * "write" needs the write lock; "look" reads a few records and rides with whatever runs; "query" may be long and keeps no lock.
 * The work may run more than once: what it changes, it changes in the tables.
 */
export type CallKind = "write" | "look" | "query";

export class GroupCommit {
  readonly #tables: Tables;
  readonly #path: string;
  readonly #onCommit: (changes: Changes) => void;
  #calls: Call[] = [];
  #isScheduled = false;
  /** When the calls began to find the file locked; null: they do not. */
  #busySince: number | null = null;
  #onIdle: (() => void) | null = null;

  constructor(tables: Tables, path: string, onCommit: (changes: Changes) => void) {
    this.#tables = tables;
    this.#path = path;
    this.#onCommit = onCommit;
  }

  run<T>(who: string, kind: CallKind, work: (tables: Tables) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ who, kind, work, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Resolves when all calls are done. */
  async finish(): Promise<void> {
    if (this.#calls.length > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#calls.length === 0) return;
    this.#isScheduled = true;
    const drain = () => {
      this.#isScheduled = false;
      this.#drain();
      this.#schedule();
      if (this.#calls.length === 0) this.#onIdle?.();
    };
    if (this.#busySince === null) setImmediate(drain);
    else setTimeout(drain, 1 + Math.random() * kMostRetryMs);
  }

  #drain(): void {
    const group = this.#nextGroup();
    try {
      this.#commit(group);
      this.#busySince = null;
      return;
    } catch (error) {
      if (isBusy(error) && this.#waitsOn()) {
        this.#calls.unshift(...group);
        return;
      }
      this.#busySince = null;
      if (group.length === 1 || isBusy(error)) {
        for (const { who, reject } of group) reject(toStoreError(who, this.#path, error));
        return;
      }
    }
    // One of them failed: each for itself.
    for (const call of group) this.#alone(call);
  }

  /** Calls that can share a transaction: no long query beside a write. */
  #nextGroup(): Call[] {
    const isQuery = ({ kind }: Call) => kind === "query";
    const first = this.#calls.find(({ kind }) => kind !== "look");
    const ends = this.#calls.findIndex(
      (call, index) =>
        index >= kMostCalls ||
        (call.kind !== "look" && first !== undefined && isQuery(call) !== isQuery(first)),
    );
    return this.#calls.splice(0, ends === -1 ? this.#calls.length : ends);
  }

  #waitsOn(): boolean {
    this.#busySince ??= performance.now();
    return performance.now() - this.#busySince < kPatienceMs;
  }

  #alone(call: Call): void {
    try {
      this.#commit([call]);
    } catch (error) {
      if (isBusy(error)) this.#calls.push(call);
      else call.reject(toStoreError(call.who, this.#path, error));
    }
  }

  /** @throws what SQLite throws, with everything rolled back and no promise settled; calls that took too long to begin are put back */
  #commit(group: readonly Call[]): void {
    const outcomes: (() => void)[] = [];
    let changes: Changes;
    try {
      this.#tables.begin(group.some(({ kind }) => kind === "write") ? "write" : "read");
      for (const call of group) outcomes.push(this.#outcome(call));
      changes = this.#tables.commit();
    } catch (error) {
      this.#tables.rollback();
      if (isDamage(error)) this.#tables.db.forgetPages();
      throw error;
    }
    for (const settle of outcomes) settle();
    this.#onCommit(changes);
  }

  #outcome({ who, work, resolve, reject }: Call): () => void {
    const { writes } = this.#tables;
    try {
      const value = work(this.#tables);
      return () => resolve(value);
    } catch (error) {
      // A refusal, before it changed anything.
      if (error instanceof LightningError && this.#tables.writes === writes) return () => reject(error);
      throw error instanceof LightningError
        ? new LightningError("E_INTERNAL", `store.${who}: failed with half of its work done`, {
            cause: error,
          })
        : error;
    }
  }
}

// --- internal ---

interface Call {
  readonly who: string;
  readonly kind: CallKind;
  readonly work: (tables: Tables) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const kMostCalls = 100;
const kMostRetryMs = 4;
const kPatienceMs = 30_000;
