// What one store of a schema tells the others by NOTIFY: that something is queued, and which rollouts ended.

export interface StoreEvents {
  readonly isQueued: boolean;
  readonly ended: readonly string[];
}

/** Each within what NOTIFY carries. */
export function toPayloads({ isQueued, ended }: StoreEvents): string[] {
  const payloads = isQueued ? [kQueued] : [];
  for (let i = 0; i < ended.length; i += kIdsEach)
    payloads.push(kEnded + ended.slice(i, i + kIdsEach).join(" "));
  return payloads;
}

/** Payloads of nobody we know mean nothing. */
export function fromPayload(payload: string): StoreEvents {
  const ended = payload.startsWith(kEnded) ? payload.slice(kEnded.length).split(" ") : [];
  return { isQueued: payload === kQueued, ended };
}

// --- internal ---

const kQueued = "queued";
const kEnded = "ended ";
/** Ids are 15 bytes; a payload holds fewer than 8,000. */
const kIdsEach = 400;
