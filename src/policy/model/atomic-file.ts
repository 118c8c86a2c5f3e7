// Files that are there whole or not at all: written beside their place, flushed to the disk, then renamed into it.
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { basename, dirname, join } from "node:path";

/** A file that is complete but not yet in its place. */
export interface StagedFile {
  /** Puts it into its place, over a file that is there. */
  readonly commit: () => void;
  /** Removes it; does nothing after `commit`. */
  readonly discard: () => void;
}

/**
 * Writes and flushes a file beside its place.
 * @param chunks  the content in order; bytes or text (UTF-8); each is written before the next is asked for
 * @throws the file system's error, and what `chunks` throws, leaving nothing behind; EEXIST for a device, a pipe or a socket
 */
export function stageFile(file: string, chunks: Iterable<Uint8Array | string>): StagedFile {
  checkPlace(file);
  const staged = `${file}.${process.pid}.tmp`;
  const discard = (): void => rmSync(staged, { force: true });
  try {
    const descriptor = openSync(staged, "w");
    try {
      for (const chunk of chunks)
        writeAll(descriptor, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    discard();
    throw error;
  }
  return { commit: () => renameSync(staged, file), discard };
}

/** Writes a file; one of that name stays as it is until the new one is complete. Throws as `stageFile` does. */
export function writeFileAtomically(file: string, chunks: Iterable<Uint8Array | string>): void {
  writeFilesAtomically([[file, chunks]]);
}

/** Writes several files; those of their names stay as they are until all the new ones are complete. Throws as `stageFile` does. */
export function writeFilesAtomically(
  files: Iterable<readonly [file: string, chunks: Iterable<Uint8Array | string>]>,
): void {
  const staged: StagedFile[] = [];
  try {
    for (const [file, chunks] of files) staged.push(stageFile(file, chunks));
    for (const { commit } of staged) commit();
  } finally {
    for (const { discard } of staged) discard();
  }
}

/** Removes what processes that are gone left of writing this file. */
export function removeLeftovers(file: string): void {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(folder, name), { force: true });
  }
}

// --- internal ---

function checkPlace(file: string): void {
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there === undefined || there.isFile() || there.isDirectory() || there.isSymbolicLink()) return;
  const message = `${kindOf(there)}, whose place the file would take; choose another path`;
  throw Object.assign(new Error(message), { code: "EEXIST", errno: -constants.errno.EEXIST, path: file });
}

function kindOf(there: Stats): string {
  if (there.isFIFO()) return "a pipe";
  return there.isSocket() ? "a socket" : "a device";
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done);
}
