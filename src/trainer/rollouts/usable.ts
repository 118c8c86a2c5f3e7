// A batch of which nothing can be used is an error, not a batch that earned 0: it says why, for every reason.
import { LightningError } from "../../base/error.js";
import type { RolloutResult } from "../../types/task-group.js";

/**
 * @param who  the call, as in `trainer.step`
 * @throws E_ROLLOUT when no rollout has a reward: each reason with its count and its most frequent message, causes before consequences
 */
export function checkUsable(who: string, results: readonly RolloutResult[]): void {
  if (results.some(({ reward }) => reward !== null)) return;
  const reasons = [...new Set(results.map(({ outcome }) => outcome))]
    .map((outcome) => ({ outcome, of: results.filter((result) => result.outcome === outcome) }))
    .sort((a, b) => Number(isCause(b.outcome)) - Number(isCause(a.outcome)) || b.of.length - a.of.length);
  const lines = reasons.map(({ outcome, of }) => `\n  ${of.length} ${outcome}: ${mostFrequentError(of)}`);
  throw new LightningError(
    "E_ROLLOUT",
    `${who}: expected at least one rollout that can be used, got none of ${results.length}; nothing was learned or counted, and trainer.dev(task) shows one rollout whole${lines.join("")}`,
  );
}

// --- internal ---

/** What makes others end as they did. */
const isCause = (outcome: string) => outcome === "in-doubt";

function mostFrequentError(results: readonly RolloutResult[]): string {
  const counts = new Map<string, number>();
  for (const { error } of results) {
    const message = error ?? "no message";
    counts.set(message, (counts.get(message) ?? 0) + 1);
  }
  const [[message] = ["no message"]] = [...counts].sort(([, a], [, b]) => b - a);
  return message;
}
