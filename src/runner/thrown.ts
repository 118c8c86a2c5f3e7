// What was thrown, in words for people.
import { showValue } from "../base/check.js";

/** Agents throw anything: what cannot be read is at least named. */
export function describeThrown(error: unknown): string {
  try {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
    return typeof error === "object" && error !== null ? showValue(error) : String(error);
  } catch (cause) {
    return `a thrown value that cannot be read (${cause instanceof Error ? cause.name : typeof cause})`;
  }
}
