// Values of options that are more than text.
import { InvalidArgumentError, Option } from "commander";
import { kPreparingSeconds } from "../store/preparing-limit.js";
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
function toSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected seconds, 0 or more");
}

/**
 * Given in seconds, also in the help; its value is in milliseconds that a timer can be told to wait.
 * @param seconds  when absent
 * @param least  in seconds
 */
export function durationOption(flags: string, description: string, seconds: number, least = 0): Option {
  const parse = (text: string) => toMilliseconds(text, least);
  return new Option(flags, description).argParser(parse).default(seconds * 1000, `${seconds}`);
}

/** @param whose  runners that are looked after */
export function lostAfterOption(whose: string): Option {
  const description = `${whose} without a sign of life for so long are given up`;
  return durationOption("--lost-after <seconds>", description, 60, 0.01);
}

export function preparingOption(more = ""): Option {
  const description = `attempts that prepare without a sign of life for so long are ended, their rollouts queued again${more}`;
  return new Option("--preparing-seconds <seconds>", description)
    .argParser(toSeconds)
    .default(kPreparingSeconds);
}

export function storeOption(): Option {
  return new Option("--store <url>", "sqlite:PATH, postgres://... or http://HOST:PORT").makeOptionMandatory();
}

// --- internal ---

function toMilliseconds(text: string, least: number): number {
  const seconds = toSeconds(text);
  if (seconds >= least && seconds * 1000 <= kLongestTimerMs) return seconds * 1000;
  throw new InvalidArgumentError(`expected seconds from ${least} to ${Math.floor(kLongestTimerMs / 1000)}`);
}
