// Files that a trainer writes for its user: what the file system says names the option.
import { LightningError } from "../base/error.js";

/** @throws E_ARGUMENT naming option and file for the file system's errors; the package's own pass */
export async function writeOutput(option: string, file: string, write: () => unknown): Promise<void> {
  try {
    await write();
  } catch (cause) {
    if (cause instanceof LightningError) throw cause;
    const got = cause instanceof Error ? cause.message : String(cause);
    const message = `createTrainer: expected ${option} ${file} to be a file that can be written, got ${got}`;
    throw new LightningError("E_ARGUMENT", message, { cause });
  }
}
