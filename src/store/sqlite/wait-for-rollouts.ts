// The wait for the end of rollouts, which may come by another process.
import { performance } from "../../base/clock.js";
import type { Rollout } from "../../types/rollout.js";
import { isEnded } from "../life-cycle.js";
import type { WaitOptions } from "../store-records.js";
import { toTimeoutMs } from "../waiters.js";
import type { Backend } from "./backend.js";
import { findRollouts } from "./queries.js";
import { stillOpen } from "./waits.js";

/** As the store's method. */
export async function waitForRollouts(
  backend: Backend,
  rolloutIds: readonly string[],
  options: WaitOptions,
): Promise<readonly Rollout[]> {
  const who = "waitForRollouts";
  const { signal } = options;
  const deadline = performance.now() + toTimeoutMs(who, options);
  const ids = [...new Set(rolloutIds)];
  const look = (some: readonly string[]) =>
    backend.run(who, "look", (tables) => stillOpen(tables, who, some));
  for (let open = await look(ids); open.length > 0; ) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) break;
    const [first = ""] = open;
    await backend.wait(backend.waiters, first, { timeoutMs: leftMs, signal });
    // All have to end, so one at a time is enough; one that ended may be queued again meanwhile.
    if ((await look([first])).length === 0) open = await look(open.length === 1 ? ids : open.slice(1));
  }
  const found = await backend.run(who, "query", ({ db }) => findRollouts(db, ids));
  return found.filter(({ status }) => isEnded(status));
}
