// What a rollout leaves behind that fails after its end, when it can change nothing any more.
import { warn } from "../base/warning.js";
import { type Redact, redactErrorSafely } from "./redact.js";
import { describeThrown } from "./thrown.js";

/** @returns is told of each, with why the rollout was cut short, if it was; warns of the first that is not just the abort's echo */
export function createLateStrays(
  rolloutId: string,
  redact: Redact | undefined,
): (error: unknown, cutBy: unknown) => void {
  let isWarned = false;
  return (error, cutBy) => {
    if (isWarned || (cutBy !== undefined && isEcho(error, cutBy))) return;
    isWarned = true;
    const told = redactErrorSafely(redact, "stray", describeThrown(error));
    warn(
      "AGL_STRAY",
      `rollout ${rolloutId}: something that it left behind failed after its end: ${told}; await it in the agent`,
    );
  };
}

// --- internal ---

/** Work that was told to stop rejects with the signal's reason, or with an error that says that it stopped, perhaps as a cause. */
function isEcho(error: unknown, cutBy: unknown): boolean {
  for (let at = error, depth = 0; depth < 8; depth++) {
    if (at === cutBy) return true;
    if (!(at instanceof Error)) return false;
    if (at.name === "AbortError" || at.name === "APIUserAbortError") return true;
    at = at.cause;
  }
  return false;
}
