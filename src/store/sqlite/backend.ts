// What runs beneath the store's methods: the open file, calls in groups, waits, the watchdog, and news from other processes.
import { wallClock } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { isEnded } from "../life-cycle.js";
import { endOverdue } from "../rollout-entry.js";
import { createWaiters, type Waiters } from "../waiters.js";
import { createWatchdog } from "../watchdog.js";
import type { Connection } from "./connection.js";
import { type CallKind, GroupCommit } from "./group-commit.js";
import { createNeighbours } from "./neighbours.js";
import { type Changes, Tables } from "./tables.js";
import { countQueued } from "./waits.js";

/** What claims wait for. */
export const kQueue = "queue";

export class Backend {
  /** For the end of a rollout, by its id. */
  readonly waiters = createWaiters();
  /** Of claims for the queue, under the one key kQueue. */
  readonly claimers = createWaiters();
  readonly #db: Connection;
  readonly #tables: Tables;
  readonly #calls: GroupCommit;
  readonly #watchdog = createWatchdog((isSetBack) =>
    this.run("watchdog", "write", (tables) => scan(tables, isSetBack)),
  );
  readonly #neighbours = createNeighbours({
    isWaitedFor: () => this.#isWaitedFor(),
    hasNews: () => this.#hasMissedNews || this.#db.dataVersion() !== this.#tables.dataVersion,
    onNews: () => this.#catchUp(),
    onSecond: () => this.#watchNext(),
  });
  #hasMissedNews = false;
  #closing: Promise<void> | null = null;

  constructor(db: Connection, path: string, preparingSeconds: number) {
    this.#db = db;
    this.#tables = new Tables(db, preparingSeconds);
    this.#calls = new GroupCommit(this.#tables, path, (changes) => this.#tell(changes));
    if (db.isReadOnly) return;
    this.#watchNext();
    this.#lookAhead();
  }

  /** @throws E_CLOSED, E_STORE, what the work throws */
  async run<T>(who: string, kind: CallKind, work: (tables: Tables) => T): Promise<T> {
    if (this.#closing !== null) throw closedError(who);
    return this.#calls.run(who, kind, work);
  }

  /** Until the key may have been settled, here or in another process. @throws E_CLOSED, signal.reason */
  async wait(
    waiters: Waiters,
    key: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#closing !== null) throw closedError(waiters === this.claimers ? "claim" : "waitForRollouts");
    this.#neighbours.listen();
    await waiters.wait([key], options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#watchdog.close();
    this.#neighbours.close();
    this.waiters.close(closedError("waitForRollouts"));
    this.claimers.close(closedError("claim"));
    await this.#calls.finish();
    this.#db.close();
  }

  #isWaitedFor(): boolean {
    return this.claimers.countOf(kQueue) > 0 || this.waiters.keys().length > 0;
  }

  #tell({ ended, queued, deadline, foreign }: Changes): void {
    for (const id of ended) this.waiters.settle(id);
    // One rollout, one of those that wait; it waits again when somebody else was faster.
    if (queued > 0) this.claimers.settle(kQueue, queued);
    this.#watchdog.watch(deadline);
    if (foreign && this.#isWaitedFor()) this.#catchUp();
  }

  /** Wakes those for whom another process did what they wait for. */
  #catchUp(): void {
    this.#hasMissedNews = false;
    const look = this.run("watchNeighbours", "look", (tables) => {
      const ended = this.waiters
        .keys()
        .filter(
          (id) => !tables.hasRollout(id) || isEnded(tables.entryOf("waitForRollouts", id).rollout.status),
        );
      return { ended, queued: countQueued(tables, this.claimers.countOf(kQueue)) };
    });
    look.then(
      ({ ended, queued }) => {
        for (const id of ended) this.waiters.settle(id);
        this.claimers.settle(kQueue, queued);
      },
      () => {
        this.#hasMissedNews = true;
      },
    );
  }

  /** Deadlines may have been set by another process, or before this one opened the file. */
  #watchNext(): void {
    this.run("watchdog", "look", (tables) => tables.nextDeadline()).then(
      (deadline) => this.#watchdog.watch(deadline),
      // The file failed or was closed: callers meet that themselves, and a second later it is looked up again.
      () => undefined,
    );
  }

  /** The clock may have been set back while no process had the file open. */
  #lookAhead(): void {
    this.run("watchdog", "look", (tables) => tables.fromTheFuture(wallClock.now() / 1000, 1)).then(
      ({ length }) => length > 0 && this.#watchdog.distrust(),
      // As above; the deadlines are watched whatever comes of this.
      () => undefined,
    );
  }
}

// --- internal ---

const kScanned = 100;

function scan(tables: Tables, isSetBack: boolean): number {
  const now = wallClock.now() / 1000;
  if (isSetBack)
    for (const entry of tables.fromTheFuture(now, Number.MAX_SAFE_INTEGER)) endOverdue(tables, entry, now);
  for (const entry of tables.nextOverdue(now, kScanned)) endOverdue(tables, entry, now);
  return tables.nextDeadline();
}

function closedError(who: string): LightningError {
  return new LightningError("E_CLOSED", `store.${who}: the store was closed`);
}
