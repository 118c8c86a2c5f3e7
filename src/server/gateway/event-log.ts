// Events of rollouts. One of a rollout that was taken is a span of its attempt. While it is queued there is no attempt to hold spans, and
// an event takes nothing off the queue: until then it waits on a shelf, as durable as the rollout.
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import type { AttemptedRollout } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { ApiError } from "../http/api-error.js";
import type { EventShelf } from "./event-shelf.js";
import { isGatewayEvent, toEvent, toEventSpan } from "./event-spans.js";
import type { GatewayEvent } from "./gateway-records.js";
import type { AnyRollout, RolloutBook } from "./rollout-book.js";
import { gatewayIdOf, notesOf, stateOf } from "./rollout-view.js";

export class EventLog {
  readonly #store: LightningStore;
  readonly #book: RolloutBook;
  readonly #shelf: EventShelf;

  constructor(store: LightningStore, book: RolloutBook, shelf: EventShelf) {
    this.#store = store;
    this.#book = book;
    this.#shelf = shelf;
  }

  /** @param id  as the gateway's clients know it @throws ApiError 404 */
  async record(id: string, event: GatewayEvent): Promise<void> {
    const known = await this.#book.get(id);
    if (isTaken(known) && !notesOf(known).shelved) return this.#add(known, event);
    return this.#book.inTurn(async () => {
      const rollout = await this.#book.get(id);
      if (isTaken(rollout)) {
        await this.#settle(rollout);
        return this.#add(rollout, event);
      }
      if (!notesOf(rollout).shelved) await this.#book.note(rollout, { shelved: true });
      return this.#shelf.put(rollout.rolloutId, event);
    });
  }

  /** The same, of what was under way while the rollout may have been deleted: then nobody wants it. */
  async recordLate(id: string, event: GatewayEvent): Promise<void> {
    try {
      await this.record(id, event);
    } catch (error) {
      const isKnown = error instanceof ApiError || error instanceof LightningError;
      if (!isKnown || error.code !== "E_NOT_FOUND") throw error;
    }
  }

  /** Gives the events that waited to the attempt that there is now, if any. */
  settle(id: string): Promise<void> {
    return this.#book.inTurn(async () => {
      const rollout = await this.#book.get(id);
      if (isTaken(rollout) && notesOf(rollout).shelved) await this.#settle(rollout);
    });
  }

  /** Those of its last attempt: the one its controller named, else "0", which spans of our own runners' latest attempt count to. */
  async of(rollout: AnyRollout): Promise<readonly GatewayEvent[]> {
    const last = notesOf(rollout).last_attempt_id;
    const ours = last === null && "attempt" in rollout ? rollout.attempt.attemptId : last;
    const isOfLast = (span: Span, { attempt_id }: GatewayEvent) =>
      attempt_id === (isGatewayEvent(span) ? (last ?? "0") : ours);
    const told = await this.#read(rollout);
    return told.filter(([span, event]) => isOfLast(span, event)).map(([, event]) => event);
  }

  /** The attempts that have events, by the time of their first. */
  async attemptsOf(rollout: AnyRollout): Promise<readonly string[]> {
    const events = (await this.#read(rollout)).map(([, event]) => event);
    const byTime = events.toSorted((a, b) => a.timestamp - b.timestamp);
    return [...new Set(byTime.map(({ attempt_id }) => attempt_id))];
  }

  async #read(rollout: AnyRollout): Promise<readonly (readonly [Span, GatewayEvent])[]> {
    const id = gatewayIdOf(rollout);
    const spans = [
      ...(await this.#waiting(rollout)),
      ...(await this.#store.querySpans(rollout.rolloutId)).items,
    ];
    return spans.map((span) => [span, toEvent(span, id)]);
  }

  /** What no attempt has got yet. */
  async #waiting(rollout: AnyRollout): Promise<readonly Span[]> {
    if (!notesOf(rollout).shelved) return [];
    const shelved = await this.#shelf.spansOf(rollout.rolloutId);
    const { items } = await this.#store.querySpans(rollout.rolloutId);
    const kept = new Set(items.map(({ spanId }) => spanId));
    return shelved.filter(({ spanId }) => !kept.has(spanId));
  }

  /** What is on the shelf stays there: another server may add to it at this moment. */
  async #settle(rollout: AttemptedRollout): Promise<void> {
    const { rolloutId, attemptId } = rollout.attempt;
    const spans: Span[] = [];
    for (const span of await this.#waiting(rollout))
      spans.push({ ...span, rolloutId, attemptId, sequenceId: await this.#store.nextSequenceId(rolloutId) });
    if (spans.length > 0) await this.#store.addSpans(spans);
  }

  async #add({ rolloutId, attempt }: AttemptedRollout, event: GatewayEvent): Promise<void> {
    await this.#store.addSpans([toEventSpan(event, attempt, await this.#store.nextSequenceId(rolloutId))]);
  }
}

// --- internal ---

function isTaken(rollout: AnyRollout): rollout is AttemptedRollout {
  return "attempt" in rollout && stateOf(rollout.status) !== "queuing";
}
