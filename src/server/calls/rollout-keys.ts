// Keys that open one rollout each: a keyed hash of its name, so that nobody keeps a list and no key tells another.
import { createHmac, randomBytes } from "node:crypto";

export interface RolloutKeys {
  keyOf(rolloutId: string, attemptId: string): string;
}

/** @param secret  the server's own key: whoever has it knows them all. Absent: one that dies with the process */
export function createRolloutKeys(secret: string | undefined): RolloutKeys {
  const key = secret ?? randomBytes(32);
  return {
    keyOf: (rolloutId, attemptId) => {
      const name = JSON.stringify([rolloutId, attemptId]);
      return kPrefix + createHmac("sha256", key).update(name).digest("base64url");
    },
  };
}

/** Whether it is the key of some rollout, which opens nothing else. */
export function isRolloutKey(text: string): boolean {
  return kForm.test(text);
}

// --- internal ---

const kPrefix = "agl-rollout-";
/** With the 43 letters of 32 bytes. */
const kForm = /^agl-rollout-[\w-]{43}$/;
