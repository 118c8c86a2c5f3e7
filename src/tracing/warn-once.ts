// Process warnings that a rollout's calls give rise to: each once a process, also where two copies of the package see the same call.

/** Emits an AgentLightningWarning with code AGL_UNSEEN_CALL unless one with this key was. */
export function warnOnce(key: string, message: string): void {
  const holder = globalThis as { [kWarned]?: Set<string> };
  holder[kWarned] ??= new Set();
  if (holder[kWarned].has(key)) return;
  holder[kWarned].add(key);
  process.emitWarning(message, { type: "AgentLightningWarning", code: "AGL_UNSEEN_CALL" });
}

// --- internal ---

const kWarned = Symbol.for("agentlightning.warned");
