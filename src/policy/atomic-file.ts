// Files that are there whole or not at all: written beside their place, flushed to the disk, then renamed into it.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

/**
 * @param file  path; a file of that name stays as it is until the new one is complete
 * @param chunks  the content in order; bytes or text (UTF-8); each is written before the next is asked for
 */
export function writeFileAtomically(file: string, chunks: Iterable<Uint8Array | string>): void {
  const staged = `${file}.${process.pid}.tmp`;
  const descriptor = openSync(staged, "w");
  try {
    try {
      for (const chunk of chunks)
        writeAll(descriptor, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(staged, file);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  }
}

// --- internal ---

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done);
}
