// Sends the spans of a running attempt to the store, some at a time and in order: what was sent before a crash is kept.
import { clearTimeout, setTimeout } from "../base/clock.js";
import { LightningError } from "../base/error.js";
import type { LightningStore } from "../store/store.js";
import type { Attempt } from "../types/rollout.js";
import type { SpanDraft } from "../types/span.js";
import { type Patience, patiently } from "./patience.js";

export interface SpanFeed {
  add(span: SpanDraft): void;
  /** Resolves when all are kept. @throws what the store does when it stays out of reach */
  close(): Promise<void>;
  /** Spans beyond what may wait for a store that is out of reach. */
  readonly dropped: number;
}

export function createSpanFeed(
  store: LightningStore,
  { rolloutId, attemptId }: Attempt,
  patience: Patience,
): SpanFeed {
  let waiting: SpanDraft[] = [];
  let dropped = 0;
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failure: unknown;
  const sendAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, kBatch);
      // Places in the rollout's order are the store's to give: proxies and other attempts take some as well.
      const first = await patiently(() => store.nextSequenceId(rolloutId), patience);
      const spans = batch.map((span, i) => ({ ...span, rolloutId, attemptId, sequenceId: first + i }));
      await patiently(() => store.addSpans(spans), patience);
      waiting = waiting.slice(batch.length);
    }
  };
  const send = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendAll().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  // A failure is heard by close(): until then the attempt runs on.
  const sendSoon = () => void send().catch((error) => (failure = error));
  return {
    add: (span) => {
      if (waiting.length >= kMostWaiting) {
        dropped += 1;
        return;
      }
      waiting.push(span);
      if (waiting.length >= kBatch) sendSoon();
      else timer ??= setTimeout(sendSoon, kDelayMs);
    },
    close: async () => {
      if (failure instanceof LightningError && failure.code !== "E_STORE") throw failure;
      await sending?.catch(() => undefined);
      await send();
    },
    get dropped() {
      return dropped;
    },
  };
}

// --- internal ---

const kBatch = 100;
const kDelayMs = 500;
const kMostWaiting = 100_000;
