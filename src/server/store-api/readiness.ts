// Whether the store behind a server works: asked by a write that changes nothing, and by what became of the calls of late.
import { clearTimeout, performance, setTimeout } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { probeStore } from "../../store/probe.js";
import type { LightningStore } from "../../store/store.js";

export interface Readiness {
  /** Within two seconds. Null: it works; else why not, in words for anyone. */
  check(): Promise<string | null>;
  /** A call failed. */
  note(error: unknown): void;
}

/** @param onSick  told once of what began to fail, and again after it worked @param onWell  told once that it works again */
export function createReadiness(
  store: LightningStore,
  onSick: (error: unknown) => void,
  onWell: () => void = () => undefined,
): Readiness {
  let failedAt = Number.NEGATIVE_INFINITY;
  let isSick = false;
  let running: Promise<string | null> | undefined;
  const fail = (error: unknown) => {
    failedAt = performance.now();
    if (!isSick) onSick(error);
    isSick = true;
  };
  const probe = async () => {
    try {
      await inTime(probeStore(store));
    } catch (error) {
      fail(error);
      return error instanceof LateError ? "the store does not answer" : "the store fails";
    }
    if (performance.now() - failedAt < kMemoryMs) return "calls of the store failed a moment ago";
    if (isSick) onWell();
    isSick = false;
    return null;
  };
  return {
    check() {
      running ??= probe().finally(() => {
        running = undefined;
      });
      return running;
    },
    note(error) {
      if (error instanceof LightningError && (error.code === "E_STORE" || error.code === "E_INTERNAL"))
        fail(error);
    },
  };
}

// --- internal ---

const kPatienceMs = 1500;
const kMemoryMs = 5000;

class LateError extends Error {}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new LateError(`the store did not answer within ${kPatienceMs} ms`)),
      kPatienceMs,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // It may still fail, later than anyone asks.
    work.catch(() => undefined);
  }
}
