// Files that a trainer writes for its user: what the file system says names the option.
import { writing } from "../../base/disk-error.js";

/** @throws E_STATE or E_ARGUMENT naming option and file for the file system's errors, as `writing` does; others pass */
export async function writeOutput(option: string, file: string, write: () => unknown): Promise<void> {
  await writing("createTrainer", `${option} ${file}`, write);
}
