// Answers kept by the contents that decide them, one JSON object a line: { key, value }, key the SHA-256 of the contents' JSON. A run that is
// killed and started again finds in it what it was answered before.
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { argumentError } from "../base/check.js";
import { writingNow } from "../base/disk-error.js";
import { toJsonValue } from "../base/json-value.js";
import type { Journal } from "../types/reward.js";

/**
 * @param file  absent: kept in memory, for as long as the journal is
 * @throws E_ARGUMENT when a line of the file, other than a last one that was cut short, is none of a journal's; E_ARGUMENT and E_STATE for what the
 *   disk says
 */
export function openJournal(who: string, file?: string): Journal {
  const kept = file === undefined ? new Map<string, string>() : read(who, file);
  const making = new Map<string, Promise<string>>();
  const make = async (key: string, answer: () => Promise<unknown>) => {
    const value: string | undefined = JSON.stringify(await answer());
    if (value === undefined) throw argumentError(who, "an answer to remember that is JSON", value);
    if (file !== undefined) append(who, file, `{"key":"${key}","value":${value}}\n`);
    kept.set(key, value);
    return value;
  };
  return {
    async remember<T>(contents: unknown, answer: () => Promise<T>): Promise<T> {
      const key = createHash("sha256").update(JSON.stringify(contents)).digest("hex");
      let value: string | Promise<string> | undefined = kept.get(key) ?? making.get(key);
      if (value === undefined) {
        value = make(key, answer).finally(() => making.delete(key));
        making.set(key, value);
      }
      // Parsed in either case: what is remembered and what is new are the same.
      return JSON.parse(await value);
    },
  };
}

// --- internal ---

const kLine = /^\{"key":"([0-9a-f]{64})","value":(.*)\}$/;

function read(who: string, file: string): Map<string, string> {
  const kept = new Map<string, string>();
  if (!existsSync(file)) return kept;
  const text = readFileSync(file, "utf8");
  const whole = text.lastIndexOf("\n") + 1;
  for (const line of text.slice(0, whole).split("\n").slice(0, -1)) {
    const [, key, value] = kLine.exec(line) ?? [];
    if (key === undefined || value === undefined || toJsonValue(value) === undefined)
      throw argumentError(
        who,
        `${file} to be a journal`,
        line,
        "give the run another place, or take the file away",
      );
    kept.set(key, value);
  }
  // A process that was killed while it wrote left a line without an end.
  if (whole < text.length)
    writingNow(who, file, () => truncateSync(file, Buffer.byteLength(text.slice(0, whole))));
  return kept;
}

/** On disk when it returns: at once, so that lines of many answers never mix. */
function append(who: string, file: string, line: string): void {
  writingNow(who, file, () => {
    mkdirSync(dirname(file), { recursive: true });
    const descriptor = openSync(file, "a");
    try {
      writeSync(descriptor, line);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}
