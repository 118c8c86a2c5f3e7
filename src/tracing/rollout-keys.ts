// Keys of rollouts' calls at a socket. Each is a keyed hash of what it opens: from the server's own key comes the one of all calls, and from that
// the one of each rollout, so that nobody keeps a list and no key tells the one that it was made from.
import { createHmac, randomBytes } from "node:crypto";

export interface RolloutKeys {
  /** Opens the calls and events of every rollout and nothing else; who has it can make theirs. */
  readonly callsKey: string;
  /** Opens those of this rollout alone. */
  keyOf(rolloutId: string, attemptId: string): string;
}

/** @param secret  the server's own key. Absent: one that dies with the process */
export function createRolloutKeys(secret: string | undefined): RolloutKeys {
  return rolloutKeysFrom(kCallsPrefix + hash(secret ?? randomBytes(32), "calls"));
}

export function rolloutKeysFrom(callsKey: string): RolloutKeys {
  return {
    callsKey,
    keyOf: (rolloutId, attemptId) => kPrefix + hash(callsKey, JSON.stringify([rolloutId, attemptId])),
  };
}

/** Whether it is the key of some rollout, which opens nothing else. */
export function isRolloutKey(text: string): boolean {
  return kForm.test(text);
}

/** Whether it is a key of all calls, which opens nothing else. */
export function isCallsKey(text: string): boolean {
  return kCallsForm.test(text);
}

// --- internal ---

const kPrefix = "agl-rollout-";
const kCallsPrefix = "agl-calls-";
/** With the 43 letters of 32 bytes. */
const kForm = /^agl-rollout-[\w-]{43}$/;
const kCallsForm = /^agl-calls-[\w-]{43}$/;

function hash(key: string | Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
