// Rollouts as 1.0 clients handle them, over a LightningStore: ids of their own choice, idempotent creation, changes of state that
// only follow 1.0's arrows, and one ever-growing list of those that ended.
// A store has no call that deletes: a deleted rollout is cancelled if it still runs, and hidden.
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import type { Attempt, AttemptedRollout, Rollout } from "../../types/rollout.js";
import { ApiError } from "../store-api/api-error.js";
import type { GatewayChanges, GatewayState, NewGatewayRollout } from "./gateway-records.js";
import { dataIdOf, gatewayIdOf, kNotes, newNotes, notesOf, stateOf, statusesOf } from "./rollout-view.js";

export type AnyRollout = Rollout | AttemptedRollout;

/** Kept for as long as the book: an input may be large. */
export interface EndedRollout {
  readonly rollout_id: string;
  readonly state: GatewayState;
  readonly data_id: unknown;
  readonly is_train: boolean;
}

export class RolloutBook {
  readonly #store: LightningStore;
  /** Ids that clients chose, and ours for them; grows as rollouts with such ids are met. */
  readonly #chosen = new Map<string, string>();
  #scanned = 0;
  readonly #ended: EndedRollout[] = [];
  readonly #endedIds = new Set<string>();
  /** Changes go one after the other, so that notes build on each other; who takes a rollout is decided by the store. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: LightningStore) {
    this.#store = store;
  }

  /** @throws ApiError 404 */
  async get(id: string): Promise<AnyRollout> {
    const found = await this.#find(id);
    if (found === undefined) throw new ApiError(404, `Rollout not found: ${id}`, "E_NOT_FOUND");
    return found;
  }

  /** Queues those that are new; one whose id is known is given back as it is. */
  create(rollouts: readonly NewGatewayRollout[]): Promise<readonly AnyRollout[]> {
    return this.#inTurn(async () => {
      const created: AnyRollout[] = [];
      for (const fields of rollouts)
        created.push(
          (fields.rollout_id && (await this.#find(fields.rollout_id))) || (await this.#enqueue(fields)),
        );
      return created;
    });
  }

  async list(states: readonly GatewayState[], limit: number): Promise<readonly AnyRollout[]> {
    const statusIn = states.flatMap((state) => statusesOf[state]);
    const found: AnyRollout[] = [];
    for (let offset = 0; found.length < limit; ) {
      const { items } = await this.#store.queryRollouts({ statusIn, limit: kPage, offset });
      found.push(...items.filter((rollout) => !notesOf(rollout).deleted));
      offset += items.length;
      if (items.length < kPage) break;
    }
    return found.slice(0, limit);
  }

  /** Those that ended, in the order in which this book saw it. */
  async ended(): Promise<readonly EndedRollout[]> {
    const statusIn = [...statusesOf.succeeded, ...statusesOf.failed];
    const fresh: AnyRollout[] = [];
    for (let offset = 0; ; offset += kPage) {
      const query = { statusIn, sortBy: "endTime", sortOrder: "desc", limit: kPage, offset } as const;
      const { items, total } = await this.#store.queryRollouts(query);
      const unseen = items.filter(({ rolloutId }) => !this.#endedIds.has(rolloutId));
      fresh.push(...unseen);
      if (items.length < kPage || (unseen.length === 0 && total <= this.#ended.length + fresh.length)) break;
    }
    for (const rollout of fresh.reverse()) {
      if (this.#endedIds.has(rollout.rolloutId)) continue;
      this.#endedIds.add(rollout.rolloutId);
      this.#ended.push(toEnded(rollout));
    }
    return this.#ended;
  }

  /** @throws ApiError 404, 409 */
  change(id: string, { state, ...fields }: GatewayChanges): Promise<AnyRollout> {
    return this.#inTurn(async () => {
      const rollout = await this.get(id);
      const { rolloutId } = rollout;
      if (state !== undefined) await this.#move(rollout, state);
      const notes = notesOf(rollout);
      const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
      const changed = { ...notes, ...given, version: notes.version + 1, updated_at: Date.now() / 1000 };
      await this.#store.updateRollout(rolloutId, { metadata: { ...rollout.metadata, [kNotes]: changed } });
      return this.#store.getRollout(rolloutId);
    });
  }

  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const rollout = await this.#find(id);
      if (rollout === undefined) return;
      const { rolloutId, metadata } = rollout;
      const isOpen = stateOf(rollout.status) === "queuing" || stateOf(rollout.status) === "running";
      if (isOpen) await this.#store.cancel(rolloutId);
      const notes = { ...notesOf(rollout), deleted: true };
      await this.#store.updateRollout(rolloutId, { metadata: { ...metadata, [kNotes]: notes } });
      this.#chosen.delete(id);
    });
  }

  /** The attempt that events belong to; a rollout that is still queued is thereby taken. @throws ApiError 409 */
  async attemptOf(rollout: AnyRollout): Promise<Attempt> {
    if ("attempt" in rollout) return rollout.attempt;
    try {
      return (await this.#store.claimRollout(rollout.rolloutId)).attempt;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // Somebody else took it, and what is told of it belongs to that attempt; a running one without any gets its first.
      const latest = await this.#store.getLatestAttempt(rollout.rolloutId);
      return latest ?? (await this.#store.startAttempt(rollout.rolloutId)).attempt;
    }
  }

  async #find(id: string): Promise<AnyRollout | undefined> {
    const rolloutId = this.#chosen.get(id) ?? id;
    const found = await this.#lookUp(rolloutId);
    if (found !== undefined && gatewayIdOf(found) === id) return notesOf(found).deleted ? undefined : found;
    await this.#scan();
    const chosen = this.#chosen.get(id);
    return chosen === undefined || chosen === rolloutId ? undefined : this.#lookUp(chosen);
  }

  async #lookUp(rolloutId: string): Promise<AnyRollout | undefined> {
    try {
      return await this.#store.getRollout(rolloutId);
    } catch (error) {
      if (error instanceof LightningError && error.code === "E_NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** Reads the rollouts that were added since the last time, for ids that another process was given. */
  async #scan(): Promise<void> {
    for (;;) {
      const { items } = await this.#store.queryRollouts({ limit: kPage, offset: this.#scanned });
      for (const rollout of items) {
        const { rollout_id, deleted } = notesOf(rollout);
        if (rollout_id !== undefined && !deleted) this.#chosen.set(rollout_id, rollout.rolloutId);
      }
      this.#scanned += items.length;
      if (items.length < kPage) return;
    }
  }

  async #enqueue(fields: NewGatewayRollout): Promise<Rollout> {
    const { input, is_train, config, metadata } = fields;
    const [rollout] = await this.#store.enqueue([
      {
        input,
        mode: is_train ? "train" : "val",
        config: { timeoutSeconds: config.timeout_seconds },
        metadata: { ...metadata, [kNotes]: newNotes(fields) },
      },
    ]);
    if (rollout === undefined)
      throw new LightningError("E_INTERNAL", "gateway: expected a queued rollout, got none");
    if (fields.rollout_id !== undefined) this.#chosen.set(fields.rollout_id, rollout.rolloutId);
    return rollout;
  }

  async #move(rollout: AnyRollout, to: GatewayState): Promise<void> {
    const { rolloutId } = rollout;
    const from = stateOf(rollout.status);
    if (!kMoves[from].includes(to)) throw cannotMove(rollout, from, to);
    if (to === "running") {
      const { attempt } = await this.#claim(rollout);
      await this.#store.updateAttempt(rolloutId, attempt.attemptId, { status: "running" });
    } else if (from === "running" && to !== "queuing" && "attempt" in rollout) {
      await this.#store.updateAttempt(rolloutId, rollout.attempt.attemptId, { status: to });
    } else await this.#store.updateRollout(rolloutId, { status: to });
  }

  /** @throws ApiError 409 when another client took it, by this server or another one over the store */
  async #claim(rollout: AnyRollout): Promise<AttemptedRollout> {
    try {
      return await this.#store.claimRollout(rollout.rolloutId);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw cannotMove(rollout, stateOf((await this.#store.getRollout(rollout.rolloutId)).status), "running");
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    // Whoever waits for it hears of its failure; the next in turn does not.
    this.#last = done.catch(() => undefined);
    return done;
  }
}

// --- internal ---

function isRefusal(error: unknown): boolean {
  return error instanceof LightningError && error.code === "E_STATE";
}

function cannotMove(rollout: AnyRollout, from: GatewayState, to: GatewayState): ApiError {
  return new ApiError(409, `Rollout ${gatewayIdOf(rollout)}: cannot transition ${from} -> ${to}`, "E_STATE");
}

function toEnded(rollout: AnyRollout): EndedRollout {
  return {
    rollout_id: gatewayIdOf(rollout),
    state: stateOf(rollout.status),
    data_id: dataIdOf(rollout),
    is_train: rollout.mode === null || rollout.mode === "train",
  };
}

const kPage = 1000;
const kMoves: Readonly<Record<GatewayState, readonly GatewayState[]>> = {
  queuing: ["running", "failed"],
  running: ["succeeded", "failed"],
  succeeded: [],
  failed: [],
};
