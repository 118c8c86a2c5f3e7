// Values of options that are more than text.
import { InvalidArgumentError, Option } from "commander";
import { kLongestTimerMs } from "../store/waiters.js";

/** For commander: an integer from `min` on. */
export function toInteger(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`expected an integer of at least ${min}`);
  };
}

/** For commander. */
export function toSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected seconds, 0 or more");
}

/** Given in seconds, also in the help; its value is in milliseconds that a timer can be told to wait. @param seconds  when absent */
export function durationOption(flags: string, description: string, seconds: number): Option {
  return new Option(flags, description).argParser(toMilliseconds).default(seconds * 1000, `${seconds}`);
}

export function storeOption(): Option {
  return new Option("--store <url>", "sqlite:PATH, postgres://... or http://HOST:PORT").makeOptionMandatory();
}

export function keyOption(): Option {
  return new Option("--key <key>", "the store server's key").env("AGL_KEY");
}

// --- internal ---

function toMilliseconds(text: string): number {
  const value = toSeconds(text) * 1000;
  if (value <= kLongestTimerMs) return value;
  throw new InvalidArgumentError(`expected seconds from 0 to ${Math.floor(kLongestTimerMs / 1000)}`);
}
