// Whether an agent failed because a provider did: a rollout that is not the policy's fault is excluded, not punished.

/**
 * @param refusals  statuses with which the policy's own endpoint refused calls of this rollout: those are the agent's doing unless they are 5xx
 * @returns true for an HTTP client's error with a status, or a network error, anywhere in the chain of causes
 */
export function isProviderError(error: unknown, refusals: readonly number[]): boolean {
  for (let at = error, depth = 0; at !== null && typeof at === "object" && depth < 8; depth++) {
    const { status, code, cause } = readFailure(at);
    if (typeof status === "number" && status >= 400 && status < 600)
      return status >= 500 || !refusals.includes(status);
    if (typeof code === "string" && networkCodes.has(code)) return true;
    at = cause;
  }
  return false;
}

// --- internal ---

interface Failure {
  readonly status?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
}

/** Of a thrown value whose getters or proxy throw themselves, nothing is known: then it is the agent's. */
function readFailure(error: Failure): Failure {
  try {
    const { status, code, cause } = error;
    return { status, code, cause };
  } catch {
    return {};
  }
}

const networkCodes = new Set([
  ...[
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "EPIPE",
    "EHOSTUNREACH",
    "ENETUNREACH",
  ],
  ...["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_SOCKET"],
]);
