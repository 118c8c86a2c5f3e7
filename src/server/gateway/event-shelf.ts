// Where events wait for a rollout's first attempt: as spans of a rollout beside it, which has ended, is hidden from clients
// and names the one it is for. Servers over one store add to a shelf of their own each, so none writes over what another one kept.
import type { LightningStore } from "../../store/store.js";
import type { Attempt } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { isGatewayEvent, toEventSpan } from "./event-spans.js";
import type { GatewayEvent } from "./gateway-records.js";
import { kHidden } from "./hidden.js";
import { hiddenNotes, kNotes } from "./rollout-view.js";

export class EventShelf {
  readonly #store: LightningStore;
  /** By the rollout that they are for. */
  readonly #own = new Map<string, Attempt>();

  constructor(store: LightningStore) {
    this.#store = store;
  }

  async put(rolloutId: string, event: GatewayEvent): Promise<void> {
    let own = this.#own.get(rolloutId);
    if (own === undefined) {
      own = await this.#build(rolloutId);
      this.#own.set(rolloutId, own);
    }
    const sequenceId = await this.#store.nextSequenceId(own.rolloutId);
    await this.#store.addSpans([toEventSpan(event, own, sequenceId)]);
  }

  /** The events as they are kept, by their time. */
  async spansOf(rolloutId: string): Promise<readonly Span[]> {
    const spans: Span[] = [];
    for (const id of await this.idsOf(rolloutId)) spans.push(...(await this.#store.querySpans(id)).items);
    return spans.filter(isGatewayEvent).sort((a, b) => (a.endTime ?? 0) - (b.endTime ?? 0));
  }

  /** The rollouts that are the shelves. */
  async idsOf(rolloutId: string): Promise<readonly string[]> {
    const { items } = await this.#store.queryRollouts({ metadata: { [kEventsOf]: rolloutId } });
    return items.map((shelf) => shelf.rolloutId);
  }

  /** They are deleted with it. */
  forget(rolloutId: string): void {
    this.#own.delete(rolloutId);
  }

  async #build(rolloutId: string): Promise<Attempt> {
    const metadata = { [kEventsOf]: rolloutId, [kHidden]: true, [kNotes]: hiddenNotes() };
    const { attempt } = await this.#store.startRollout({ input: null, metadata });
    return this.#store.updateAttempt(attempt.rolloutId, attempt.attemptId, { status: "succeeded" });
  }
}

// --- internal ---

const kEventsOf = "agentlightning.gateway.events_of";
