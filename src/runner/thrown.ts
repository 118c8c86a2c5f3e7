// What was thrown, in words for people.
import { showValue } from "../base/check.js";

/** Agents throw anything: what cannot be read is at least named, and of what is long the beginning is told. */
export function describeThrown(error: unknown): string {
  const text = describe(error);
  if (text.length <= kMost) return text;
  return `${text.slice(0, kMost).replace(/[\ud800-\udbff]$/, "")}... (${text.length - kMost} more characters)`;
}

// --- internal ---

const kMost = 4000;

function describe(error: unknown): string {
  try {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
    return typeof error === "object" && error !== null ? showValue(error) : String(error);
  } catch (cause) {
    return `a thrown value that cannot be read (${cause instanceof Error ? cause.name : typeof cause})`;
  }
}
