// The one line in which a store's changes wait: while a transaction runs, those that come are gathered, and the next one takes them
// together. So a lone call waits for nobody, and many share one commit.
//
// Nothing is done twice. Every group enters its number into the store's own row of the table `writers` within its transaction. When the
// connection is lost while COMMIT is under way, the group is sent again under the same number: that waits until the server has done with
// the first, and either finds the number (it was committed) or commits now.
import { randomUUID } from "node:crypto";
import { performance, setImmediate } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import type { Change } from "./changes.js";
import type { Database, Session } from "./database.js";
import { DatabaseFailure, storeError } from "./failure.js";
import { createPatience } from "./patience.js";
import type { Statements } from "./sql.js";
import { type GroupHooks, type Report, transact } from "./transaction.js";

export interface WriterOptions {
  readonly schema: string;
  readonly preparingSeconds: number;
  /** How long a change is tried. */
  readonly timeoutMs: number;
}

export class Writer {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #options: WriterOptions;
  readonly #onCommit: (report: Report) => void;
  readonly #writerId = randomUUID();
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #session: Session | null = null;
  #group = 0;
  #running: Promise<void> | null = null;

  /** @param onCommit  told of each group that is committed, before its callers are */
  constructor(
    database: Database,
    statements: Statements,
    options: WriterOptions,
    onCommit: (report: Report) => void,
  ) {
    this.#database = database;
    this.#statements = statements;
    this.#options = options;
    this.#onCommit = onCommit;
  }

  /** Resolves after the commit. @throws what the change throws; E_STORE, E_CLOSED */
  submit<T>(change: Change<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) return reject(closedError(change.who));
      const deadline = performance.now() + this.#options.timeoutMs;
      this.#waiting.push({ change, deadline, resolve: resolve as (value: unknown) => void, reject });
      this.#running ??= this.#run();
    });
  }

  /** Finishes what was submitted, unless the database cannot be reached now. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    // A row that stays is removed by whoever opens the store next week.
    await session.query(this.#statements.leave, [this.#writerId]).catch(() => undefined);
    session.drop();
  }

  async #run(): Promise<void> {
    this.#session?.hold(true);
    while (this.#waiting.length > 0) {
      // Let everyone who was just answered ask again: that makes groups large.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#commit(this.#nextGroup());
    }
    this.#session?.hold(false);
    this.#running = null;
  }

  #nextGroup(): Waiting[] {
    let size = 0;
    const end = this.#waiting.findIndex(({ change }) => {
      size += change.size;
      return size > kLargestGroup;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const number = ++this.#group;
    const { timeoutMs } = this.#options;
    const patience = createPatience({ timeoutMs, signal: this.#closing.signal });
    let left = group;
    /** Of the last COMMIT that was sent, unless it is known to have failed. */
    let pending: Pending | null = null;
    while (left.length > 0) {
      const asked = left;
      let isEntered = false;
      try {
        this.#session ??= await this.#database.connect();
        await this.#transact(this.#session, number, asked, {
          onEntered: () => {
            isEntered = true;
            pending = null;
          },
          onCommit: (report) => {
            pending = { report, group: asked };
          },
        });
        return this.#settle(pending);
      } catch (failure) {
        const isConnected = this.#session !== null;
        this.#dropSession();
        if (!(failure instanceof DatabaseFailure)) return rejectAll(asked, () => failure);
        if (failure.kind !== "lost" && isEntered) pending = null;
        const isUnknown = pending !== null;
        const isRefused = failure.kind === "refused" && !isUnknown;
        // One that the database refuses must not take others with it: each for itself.
        if (isRefused && isConnected && asked.length > 1) return this.#commitEach(asked);
        const canWait = !isRefused && (await patience.isLeft());
        const late = asked.filter(({ deadline }) => !canWait || deadline <= performance.now());
        rejectAll(late, (who) => this.#toError(who, failure, isUnknown));
        left = asked.filter((waiting) => !late.includes(waiting));
      }
    }
  }

  async #commitEach(group: readonly Waiting[]): Promise<void> {
    for (const waiting of group) await this.#commit([waiting]);
  }

  async #transact(
    session: Session,
    group: number,
    asked: readonly Waiting[],
    hooks: GroupHooks,
  ): Promise<void> {
    const { schema, preparingSeconds } = this.#options;
    const name = { schema, preparingSeconds, writerId: this.#writerId, group };
    const changes = asked.map(({ change }) => change);
    const isNew = await transact(session, this.#statements, name, changes, hooks);
    if (!isNew) await session.query({ text: "ROLLBACK" });
  }

  #settle(pending: Pending | null): void {
    if (pending === null)
      throw new LightningError("E_INTERNAL", "store: a group was entered by somebody else");
    const { report, group } = pending;
    this.#onCommit(report);
    group.forEach(({ resolve, reject }, i) => {
      const outcome = report.outcomes[i];
      if (outcome === undefined)
        reject(new LightningError("E_INTERNAL", "store: a change without an outcome"));
      else if ("error" in outcome) reject(outcome.error);
      else resolve(outcome.value);
    });
  }

  #toError(who: string, failure: DatabaseFailure, isUnknown: boolean): LightningError {
    const remedy = isUnknown
      ? "the connection was lost during the commit: whether it was kept is unknown"
      : "nothing was changed";
    return storeError(who, this.#database.target, failure, remedy);
  }

  #dropSession(): void {
    this.#session?.drop();
    this.#session = null;
  }
}

export function closedError(who: string): LightningError {
  return new LightningError("E_CLOSED", `store.${who}: the store was closed`);
}

// --- internal ---

interface Waiting {
  readonly change: Change<unknown>;
  readonly deadline: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Pending {
  readonly report: Report;
  readonly group: readonly Waiting[];
}

/** Records in one transaction, unless a single change has more. */
const kLargestGroup = 2000;

/** @param toError  given the method of each */
function rejectAll(group: readonly Waiting[], toError: (who: string) => unknown): void {
  for (const { change, reject } of group) reject(toError(`store.${change.who}`));
}
