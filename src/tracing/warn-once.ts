// Process warnings that a rollout's calls give rise to: each once a process, also where two copies of the package see the same call.
import { warn } from "../base/warning.js";

/** Warns with AGL_UNSEEN_CALL unless it has with this key. */
export function warnOnce(key: string, message: string): void {
  const holder = globalThis as { [kWarned]?: Set<string> };
  holder[kWarned] ??= new Set();
  if (holder[kWarned].has(key)) return;
  holder[kWarned].add(key);
  warn("AGL_UNSEEN_CALL", message);
}

// --- internal ---

const kWarned = Symbol.for("agentlightning.warned");
