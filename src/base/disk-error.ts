// What the file system says when a file cannot be written, in the package's words: what of it is the caller's path, and what the disk's.
import { LightningError } from "./error.js";

/**
 * Writes a file or several.
 * @param who  the call, as in `policy.saveCheckpoint`
 * @param what  the file, as the caller named it
 * @returns what `write` does
 * @throws E_STATE for a full disk, a used-up quota, a read-only file system, missing rights and a disk that fails; E_ARGUMENT for what
 *   else the file system says, which is about the path; other errors pass
 */
export async function writing<T>(who: string, what: string, write: () => T | Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw toDiskError(who, what, cause);
  }
}

/** As `writing`, at once. */
export function writingNow<T>(who: string, what: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw toDiskError(who, what, cause);
  }
}

// --- internal ---

const kFull = "free some space or choose another disk";
const kRights = "change its rights or choose another place";
const kFailures: Readonly<Record<string, { readonly expected: string; readonly remedy: string }>> = {
  ENOSPC: { expected: "room on the disk for", remedy: kFull },
  EDQUOT: { expected: "room in the user's disk quota for", remedy: kFull },
  EFBIG: { expected: "room within the process's limit of file sizes (ulimit -f) for", remedy: kFull },
  EROFS: { expected: "a file system that is not read-only for", remedy: kRights },
  EACCES: { expected: "the right to write", remedy: kRights },
  EPERM: { expected: "the right to write", remedy: kRights },
  EBUSY: { expected: "nothing to hold", remedy: "end what uses it" },
  ETXTBSY: { expected: "nothing to hold", remedy: "end what uses it" },
  EMFILE: { expected: "fewer open files beside", remedy: "raise the limit (ulimit -n)" },
  ENFILE: { expected: "fewer open files beside", remedy: "raise the system's limit" },
  EIO: { expected: "a disk that works for", remedy: "look at the system's log" },
  ENXIO: { expected: "a disk that works for", remedy: "look at the system's log" },
  ENODEV: { expected: "a disk that works for", remedy: "look at the system's log" },
  ESTALE: { expected: "a network disk that answers for", remedy: "mount it again" },
  ENOLINK: { expected: "a network disk that answers for", remedy: "mount it again" },
};

function toDiskError(who: string, what: string, cause: unknown): unknown {
  const system = systemErrorOf(cause);
  if (system === null) return cause;
  const { code, message } = system;
  const failure = kFailures[code];
  if (failure === undefined)
    return new LightningError(
      "E_ARGUMENT",
      `${who}: expected ${what} to be a file that can be written, got ${message}`,
      { cause: system },
    );
  const { expected, remedy } = failure;
  return new LightningError("E_STATE", `${who}: expected ${expected} ${what}, got ${message}; ${remedy}`, {
    cause: system,
  });
}

type SystemError = Error & { readonly code: string };

/** Also of an error of this kind: who is nearer to the caller knows better what the file is called. */
function systemErrorOf(error: unknown): SystemError | null {
  const found = error instanceof LightningError && isSystem(error.cause) ? error.cause : error;
  return isSystem(found) ? found : null;
}

/** By its number: errors of Node's own checks have none. */
function isSystem(error: unknown): error is SystemError {
  return error instanceof Error && "errno" in error && "code" in error && typeof error.code === "string";
}
