// Rollouts as 1.0 clients handle them, over a LightningStore: ids of their own choice, idempotent creation, changes of state that
// only follow 1.0's arrows, and one ever-growing list of those that ended.
// A deleted rollout is cancelled if it still runs, and forgotten.
import { wallClock } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import { ApiError } from "../http/api-error.js";
import type { EventShelf } from "./event-shelf.js";
import type { GatewayMemory } from "./gateway-memory.js";
import type { GatewayChanges, GatewayState, NewGatewayRollout } from "./gateway-records.js";
import {
  dataIdOf,
  type GatewayNotes,
  gatewayIdOf,
  kNotes,
  newNotes,
  notesOf,
  stateOf,
  statusesOf,
} from "./rollout-view.js";

export type AnyRollout = Rollout | AttemptedRollout;

/** Kept for as long as the book: an input may be large. */
export interface EndedRollout {
  readonly rollout_id: string;
  readonly state: GatewayState;
  readonly data_id: string | null;
  readonly is_train: boolean;
}

export class RolloutBook {
  readonly #store: LightningStore;
  readonly #memory: GatewayMemory;
  readonly #shelf: EventShelf;
  /** Ids that clients chose, and ours for them; grows as rollouts with such ids are met. */
  readonly #chosen = new Map<string, string>();
  #scanned = 0;
  /** From the place that is the first one not forgotten before this book was opened. */
  readonly #ended: { readonly rolloutId: string; readonly shown: EndedRollout }[] = [];
  /** Without those that it deleted. */
  readonly #endedIds = new Set<string>();
  #firstPlace: number | undefined;
  /** Changes go one after the other, so that notes build on each other; who takes a rollout is decided by the store. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: LightningStore, memory: GatewayMemory, shelf: EventShelf) {
    this.#store = store;
    this.#memory = memory;
    this.#shelf = shelf;
  }

  /** @throws ApiError 404 */
  async get(id: string): Promise<AnyRollout> {
    const found = await this.#find(id);
    if (found === undefined) throw new ApiError(404, `Rollout not found: ${id}`, "E_NOT_FOUND");
    return found;
  }

  /** Queues those that are new; one whose id is known is given back as it is. */
  create(rollouts: readonly NewGatewayRollout[]): Promise<readonly AnyRollout[]> {
    return this.inTurn(async () => {
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
      found.push(...items.filter(isShown));
      offset += items.length;
      if (items.length < kPage) break;
    }
    return found.slice(0, limit);
  }

  /** Those that ended, in the order in which this book saw it, from a place on; without those that were deleted. */
  async ended(after: number, limit: number) {
    const first = await this.#seeEnded();
    const items: EndedRollout[] = [];
    let place = Math.max(after, 0);
    while (items.length < limit && place < first + this.#ended.length) {
      const start = Math.max(place - first, 0);
      const part = this.#ended.slice(start, start + Math.min(limit - items.length, kPage));
      const kept = await this.#store.queryRollouts({ rolloutIdIn: part.map(({ rolloutId }) => rolloutId) });
      const ids = new Set(kept.items.filter(isShown).map(({ rolloutId }) => rolloutId));
      items.push(...part.filter(({ rolloutId }) => ids.has(rolloutId)).map(({ shown }) => shown));
      place = first + start + part.length;
    }
    return { items, next_after: place, total_terminal: first + this.#ended.length };
  }

  /** @throws ApiError 404, 409 */
  change(id: string, { state, ...fields }: GatewayChanges): Promise<AnyRollout> {
    return this.inTurn(async () => {
      const rollout = await this.get(id);
      if (state) await this.#move(rollout, state);
      const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
      await this.note(rollout, {
        ...given,
        version: notesOf(rollout).version + 1,
        updated_at: wallClock.now() / 1000,
      });
      return this.#store.getRollout(rollout.rolloutId);
    });
  }

  /** One after the other: who reads a rollout and writes it again has seen what the one before wrote. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    // Whoever waits for it hears of its failure; the next in turn does not.
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Changes what the gateway keeps of a rollout; within a turn. */
  async note(rollout: Rollout, changes: Partial<GatewayNotes>): Promise<void> {
    const notes = { ...notesOf(rollout), ...changes };
    await this.#store.updateRollout(rollout.rolloutId, {
      metadata: { ...rollout.metadata, [kNotes]: notes },
    });
  }

  remove(id: string): Promise<void> {
    return this.inTurn(async () => {
      const rollout = await this.#find(id);
      if (rollout === undefined) return;
      const { rolloutId } = rollout;
      const isOpen = stateOf(rollout.status) === "queuing" || stateOf(rollout.status) === "running";
      if (isOpen) await this.#store.cancel(rolloutId);
      else await this.#seeEnded();
      const shelves = notesOf(rollout).shelved ? await this.#shelf.idsOf(rolloutId) : [];
      if (this.#endedIds.delete(rolloutId))
        await this.#memory.change(({ forgotten }) => ({ forgotten: forgotten + 1 }));
      await this.#store.deleteRollouts([rolloutId, ...shelves]);
      this.#shelf.forget(rolloutId);
      this.#chosen.delete(id);
      // What comes after it moves up.
      this.#scanned = Math.max(this.#scanned - 1 - shelves.length, 0);
    });
  }

  /** @returns the place of the first */
  async #seeEnded(): Promise<number> {
    this.#firstPlace ??= (await this.#memory.read()).forgotten;
    const statusIn = [...statusesOf.succeeded, ...statusesOf.failed];
    const fresh: AnyRollout[] = [];
    for (let offset = 0; ; offset += kPage) {
      const query = { statusIn, sortBy: "endTime", sortOrder: "desc", limit: kPage, offset } as const;
      const { items, total } = await this.#store.queryRollouts(query);
      const unseen = items.filter(({ rolloutId }) => !this.#endedIds.has(rolloutId));
      fresh.push(...unseen);
      if (items.length < kPage || (unseen.length === 0 && total <= this.#endedIds.size + fresh.length)) break;
    }
    for (const rollout of fresh.reverse()) {
      const { rolloutId } = rollout;
      if (this.#endedIds.has(rolloutId)) continue;
      this.#endedIds.add(rolloutId);
      if (isShown(rollout)) this.#ended.push({ rolloutId, shown: toEnded(rollout) });
    }
    return this.#firstPlace;
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
      const { items, total } = await this.#store.queryRollouts({ limit: kPage, offset: this.#scanned });
      if (total < this.#scanned) {
        // Others deleted some.
        this.#scanned = 0;
        continue;
      }
      for (const rollout of items) {
        const { rollout_id, deleted } = notesOf(rollout);
        if (rollout_id !== undefined && !deleted) this.#chosen.set(rollout_id, rollout.rolloutId);
      }
      this.#scanned += items.length;
      if (items.length < kPage) return;
    }
  }

  async #enqueue(fields: NewGatewayRollout): Promise<Rollout> {
    const { input, is_train, metadata } = fields;
    const [rollout] = await this.#store.enqueue([
      {
        input,
        mode: is_train ? "train" : "val",
        metadata: { ...metadata, [kNotes]: newNotes(fields) },
      },
    ]);
    if (rollout === undefined)
      throw new LightningError("E_INTERNAL", "gateway: expected a queued rollout, got none");
    if (fields.rollout_id) this.#chosen.set(fields.rollout_id, rollout.rolloutId);
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
}

// --- internal ---

function isShown(rollout: Rollout): boolean {
  return !notesOf(rollout).deleted;
}

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
