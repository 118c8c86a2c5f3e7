// A law of LightningStore: a sentence that could be false, and its check on a fresh store.
import { performance, setTimeout } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import type { AttemptedRollout, RolloutConfig } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import type { PreparingOptions } from "../preparing-limit.js";
import type { LightningStore } from "../store.js";

/** As in vitest, jest or a few lines around node:assert. */
export type Expect = (value: unknown) => { toEqual(expected: unknown): void };

export interface Law {
  readonly name: string;
  /** With which the store is opened. */
  readonly options?: PreparingOptions;
  readonly check: (store: LightningStore, expect: Expect) => Promise<void>;
}

/** A span of an attempt. */
export function toSpan({ rolloutId, attempt }: AttemptedRollout, sequenceId: number, name = "step"): Span {
  return {
    rolloutId,
    attemptId: attempt.attemptId,
    sequenceId,
    traceId: "1".padStart(32, "0"),
    spanId: sequenceId.toString(16).padStart(16, "0"),
    parentId: null,
    name,
    status: { code: "OK", description: null },
    attributes: { index: sequenceId },
    events: [],
    startTime: sequenceId,
    endTime: sequenceId + 0.5,
  };
}

/** Enqueues one rollout and claims it. */
export async function claimNew(
  store: LightningStore,
  config: Partial<RolloutConfig> = {},
  workerId: string | null = null,
): Promise<AttemptedRollout> {
  await store.enqueue([{ input: { question: "?" }, config }]);
  return claimOne(store, workerId);
}

export async function claimOne(
  store: LightningStore,
  workerId: string | null = null,
): Promise<AttemptedRollout> {
  const [claimed] = await store.claim(workerId);
  if (claimed === undefined) throw new LightningError("E_INTERNAL", "laws: expected a rollout in the queue");
  return claimed;
}

/** The code of the error it rejects with; "resolved" when it does not, "other" when it is no LightningError. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof LightningError ? error.code : "other";
  }
  return "resolved";
}

/** Status of the rollout and of its attempts, in order. */
export async function statusesOf(store: LightningStore, rolloutId: string): Promise<string[]> {
  const { items } = await store.queryAttempts(rolloutId);
  return [(await store.getRollout(rolloutId)).status, ...items.map(({ status }) => status)];
}

/** Long enough for whatever must happen; a wait that ends by its timeout shows as one that took so long. */
export const kPatienceMs = 5000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ends without a verdict when patience does: the check that follows fails. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + kPatienceMs;
  while (performance.now() < end && !(await isTrue())) await pause(10);
}
