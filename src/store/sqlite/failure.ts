// What went wrong below the store, as E_STORE: what failed, what SQLite said, and what to do about it.
import { LightningError } from "../../base/error.js";
import { resultCodeOf } from "./driver.js";

/** Somebody else writes: worth another try. */
export function isBusy(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === kBusy || code === kLocked;
}

/** What was read is not what was written. */
export function isDamage(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === kDamaged || code === kNoDatabase;
}

/** The error a caller gets; one that is no failure of SQLite's is a fault of ours. */
export function toStoreError(who: string, path: string, error: unknown): LightningError {
  if (error instanceof LightningError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const code = resultCodeOf(error);
  if (code === undefined && !isOfFiles(error))
    return new LightningError("E_INTERNAL", `store.${who}: ${said}`, { cause: error });
  const remedy = kRemedies[code ?? kCannotOpen];
  return new LightningError(
    "E_STORE",
    `store.${who}: expected ${path} to be readable and writable, got "${said}"${remedy === undefined ? "" : `; ${remedy}`}`,
    { cause: error },
  );
}

// --- internal ---

/** The operating system's, from the look at the file's header, or libsql's, which has no code for a file that it cannot open. */
function isOfFiles(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "syscall" in error || error.message.includes("ConnectionFailed");
}

const kBusy = 5;
const kLocked = 6;
const kDamaged = 11;
const kCannotOpen = 14;
const kNoDatabase = 26;
const kRemedies: Readonly<Record<number, string>> = {
  [kBusy]: "another process has held it for too long",
  8: "it or its folder is read-only: change its owner or mode",
  10: "its disk failed or is full",
  [kDamaged]: "it is damaged: restore it from a copy",
  13: "its disk is full: free some space",
  [kCannotOpen]: "does its folder exist, and may this process write there?",
  [kNoDatabase]: "it is no SQLite database",
};
