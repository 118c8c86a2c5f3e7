// A server's records on stderr: a line each, for people or as JSON, from a level on.
import { Option } from "commander";
import { wallClock } from "../base/clock.js";
import { oneLine } from "../base/one-line.js";
import type { Log, LogLevel, LogRecord } from "../server/store-api/log-record.js";

export interface LogOptions {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export type LogFormat = "text" | "json";

export function logOptions(): readonly Option[] {
  return [
    new Option("--log-level <level>", "what is told on stderr: this and what is worse")
      .choices(kLevels)
      .default("info"),
    new Option("--log-format <format>", "a line for people, or JSON")
      .choices(["text", "json"])
      .default("text"),
  ];
}

/** @param write  gets lines without their ends */
export function createLog({ logLevel, logFormat }: LogOptions, write: (line: string) => void): Log {
  const most = kLevels.indexOf(logLevel);
  const toLine = logFormat === "json" ? toJson : toText;
  return (record) => {
    if (kLevels.indexOf(record.level) <= most) write(toLine(record));
  };
}

// --- internal ---

const kLevels: readonly LogLevel[] = ["error", "warn", "info"];
const kMost = 4000;

function toJson({ message, level, ...fields }: LogRecord): string {
  return JSON.stringify({ time: now(), level, message: oneLine(message, kMost), ...shown(fields) });
}

function toText({ message, level, ...fields }: LogRecord): string {
  const rest = Object.entries(shown(fields)).map(
    ([name, value]) => ` ${name}=${oneLine(String(value), 200)}`,
  );
  return `${now()} ${level} ${oneLine(message, kMost)}${rest.join("")}`;
}

function shown(record: Omit<LogRecord, "message" | "level">) {
  const { requestId, durationMs, rolloutId, ...rest } = record;
  const fields = {
    ...rest,
    request_id: requestId,
    duration_ms: durationMs === undefined ? undefined : Math.round(durationMs * 10) / 10,
    rollout_id: rolloutId,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function now(): string {
  return new Date(wallClock.now()).toISOString();
}
