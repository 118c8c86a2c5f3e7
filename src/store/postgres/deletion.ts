// Forgetting rollouts, as a change among others.
import type { Change } from "./changes.js";

export function deleteRollouts(rolloutIds: readonly string[]): Change<void> {
  const who = "deleteRollouts";
  return {
    who,
    rolloutIds,
    size: rolloutIds.length,
    apply(ledger) {
      ledger.deleteRollouts(rolloutIds);
      return () => undefined;
    },
  };
}
