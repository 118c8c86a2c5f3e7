// The constraints of one policy: each schema or grammar is made once, and kept by its content while there is room for it.
import { createHash } from "node:crypto";
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import type { NativeConstraint, NativeConstraints } from "../engine/native-constraints.js";
import { fromNative } from "../engine/native-error.js";
import type { Constraint } from "./constraint.js";

export interface ConstraintTable {
  /**
   * @param content  tells what is asked for from everything else
   * @param toWords  the grammar, as numbers; asked where it is not known yet
   * Rejects with what `toWords` throws, and with E_ARGUMENT when the grammar is refused; nothing is kept of it. Rejects with E_CLOSED after `close`.
   */
  make(who: string, content: string, toWords: () => Int32Array): Promise<Constraint>;
  /** What the engine knows it by. @throws E_ARGUMENT unless it was made here */
  handleOf(who: string, constraint: unknown): unknown;
  /** Rejects what is being made. Constraints that somebody holds stay what they are. */
  close(): void;
}

/**
 * @param open  the addon's maker of constraints over this vocabulary; asked once, when the first is wanted
 * @param mostBytes  of what is kept; the latest used stay
 */
export function createConstraintTable(
  open: () => Promise<NativeConstraints>,
  mostBytes = kMostBytes,
): ConstraintTable {
  const kept = createKept(mostBytes);
  const made = new WeakMap<object, NativeConstraint>();
  let opening: Promise<NativeConstraints> | undefined;
  let native: NativeConstraints | undefined;
  let isClosed = false;

  const checkOpen = (who: string): void => {
    if (isClosed)
      throw new LightningError("E_CLOSED", `${who}: expected the policy to be open, it was closed`);
  };
  const makeNew = async (who: string, words: Int32Array): Promise<Constraint> => {
    opening ??= open();
    const maker = await opening;
    if (isClosed) maker.close();
    checkOpen(who);
    native = maker;
    const own = await fromNative(who, () => maker.make(words));
    checkOpen(who);
    const constraint: Constraint = Object.freeze({ bytes: own.bytes });
    made.set(constraint, own);
    return constraint;
  };
  return {
    async make(who, content, toWords) {
      checkOpen(who);
      const key = createHash("sha256").update(content).digest("base64");
      return await kept.of(key, () => makeNew(who, toWords()));
    },
    handleOf(who, constraint) {
      const own = typeof constraint === "object" && constraint !== null ? made.get(constraint) : undefined;
      if (own !== undefined) return own.handle;
      throw argumentError(who, "constraint to be what this policy's constrain resolved to", constraint);
    },
    close() {
      isClosed = true;
      kept.clear();
      native?.close();
    },
  };
}

// --- internal ---

interface Kept {
  /** What is kept under the key, or else what is made; nothing is kept of what fails. */
  of(key: string, make: () => Promise<Constraint>): Promise<Constraint>;
  clear(): void;
}

function createKept(mostBytes: number): Kept {
  const kept = new Map<string, { readonly making: Promise<Constraint>; bytes: number }>();
  const prune = (): void => {
    let bytes = 0;
    for (const [key, each] of [...kept].reverse()) {
      bytes += each.bytes;
      if (bytes > mostBytes) kept.delete(key);
    }
  };
  return {
    async of(key, make) {
      const entry = kept.get(key) ?? { making: make(), bytes: 0 };
      // The latest used comes last.
      kept.delete(key);
      kept.set(key, entry);
      try {
        const constraint = await entry.making;
        entry.bytes = constraint.bytes;
        prune();
        return constraint;
      } catch (error) {
        if (kept.get(key) === entry) kept.delete(key);
        throw error;
      }
    },
    clear: () => kept.clear(),
  };
}

const kMostBytes = 2 ** 28;
