// Everyone who waits for something that another store may do: claims for the queue, callers for the end of rollouts. They are woken by
// events; after a gap in what was heard, and now and then, they look for themselves.
import type { AttemptedRollout } from "../../types/rollout.js";
import type { WaitOptions } from "../store-records.js";
import { createWaiters } from "../waiters.js";
import type { ClaimRequest } from "./changes.js";
import { createClaimLine } from "./claim-line.js";
import type { Row } from "./database.js";
import type { StoreEvents } from "./events.js";
import type { Statement, Statements } from "./sql.js";
import { toKey } from "./text.js";
import { closedError } from "./writer.js";

export interface Waits {
  /** As the store's claim with options. */
  claim(workerId: string | null, limit: number, options: WaitOptions): Promise<readonly AttemptedRollout[]>;
  /** Until all of these have ended once since the call, or are found to have. @throws signal.reason, E_STORE */
  forEnd(rolloutIds: readonly string[], options: WaitOptions): Promise<void>;
  hear(events: StoreEvents): void;
  /** Whoever waits looks; waits end with the error when that fails. */
  look(): Promise<void>;
  close(): void;
}

export function createWaits(
  statements: Statements,
  read: (statement: Statement, values?: readonly unknown[]) => Promise<readonly Row[]>,
  claim: (requests: readonly ClaimRequest[]) => Promise<readonly (readonly AttemptedRollout[])[]>,
): Waits {
  const waiters = createWaiters();
  const line = createClaimLine(claim);
  /** How many wait for each rollout. */
  const awaited = new Map<string, number>();
  const lookFor = async (rolloutIds: readonly string[]) => {
    for (const row of await read(statements.ended, [rolloutIds.map(toKey)]))
      waiters.settle(row.rollout_id as string);
  };
  return {
    claim: line.wait,
    async forEnd(rolloutIds, options) {
      for (const id of rolloutIds) awaited.set(id, (awaited.get(id) ?? 0) + 1);
      try {
        // First the wait and then the look, so that no end falls between them.
        const woken = waiters.wait(rolloutIds, options);
        await Promise.race([woken, lookFor(rolloutIds).then(() => woken)]);
      } finally {
        for (const id of rolloutIds) {
          const others = (awaited.get(id) ?? 1) - 1;
          if (others === 0) awaited.delete(id);
          else awaited.set(id, others);
        }
      }
    },
    hear({ isQueued, ended }) {
      if (isQueued) line.look();
      for (const id of ended) waiters.settle(id);
    },
    async look() {
      try {
        if (line.isBusy && (await read(statements.isQueued)).length > 0) line.look();
        if (awaited.size > 0) await lookFor([...awaited.keys()]);
      } catch (error) {
        line.fail(error);
        waiters.close(error as Error);
      }
    },
    close() {
      line.fail(closedError("claim"));
      waiters.close(closedError("waitForRollouts"));
    },
  };
}
