// What one store of a schema tells the others by NOTIFY: that something is queued, and which rollouts ended.

export interface StoreEvents {
  readonly isQueued: boolean;
  readonly ended: readonly string[];
}

/** Each within what NOTIFY carries. */
export function toPayloads({ isQueued, ended }: StoreEvents): string[] {
  const payloads = isQueued ? [kQueued] : [];
  let open = "";
  for (const id of ended) {
    if (Buffer.byteLength(open) + Buffer.byteLength(id) > kPayloadBytes) {
      payloads.push(open);
      open = "";
    }
    open = `${open === "" ? kEnded : open}\n${id}`;
  }
  return open === "" ? payloads : [...payloads, open];
}

/** Payloads of nobody we know mean nothing. */
export function fromPayload(payload: string): StoreEvents {
  const [kind, ...ids] = payload.split("\n");
  return { isQueued: kind === kQueued, ended: kind === kEnded ? ids : [] };
}

// --- internal ---

const kQueued = "queued";
const kEnded = "ended";
/** Without room for the kind and line ends; NOTIFY carries fewer than 8,000. */
const kPayloadBytes = 7900;
