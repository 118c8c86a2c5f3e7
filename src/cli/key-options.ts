// Keys on the command line: given, from the environment, or in files, which no list of processes shows.
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { argumentError } from "../base/check.js";

export interface ServerKeyOptions {
  readonly key?: readonly string[];
  readonly keyFile?: readonly string[];
  readonly readKey?: readonly string[];
  readonly readKeyFile?: readonly string[];
}

export interface ClientKeyOptions {
  readonly key?: string;
  readonly keyFile?: string;
}

/** What clients of a server may send. */
export function addServerKeys(command: Command): Command {
  return command
    .addOption(
      new Option("--key <key>", "what clients send; again for more keys (env: AGL_KEY)").argParser(collect),
    )
    .addOption(
      new Option("--key-file <file>", "keys from a file, one a line; read again at SIGHUP").argParser(
        collect,
      ),
    )
    .addOption(
      new Option("--read-key <key>", "the same for those who may only read (env: AGL_READ_KEY)").argParser(
        collect,
      ),
    )
    .addOption(new Option("--read-key-file <file>", "the same from a file").argParser(collect));
}

/** Those given, else that of the environment, and those in the files now. @throws E_ARGUMENT */
export function toServerKeys(options: ServerKeyOptions): { key: string[]; readKeys: string[] } {
  const { AGL_KEY, AGL_READ_KEY } = process.env;
  const all = (given: readonly string[], files: readonly string[] = []) => [
    ...new Set([...given, ...files.flatMap(keysOf)]),
  ];
  return {
    key: all(options.key ?? (AGL_KEY ? [AGL_KEY] : []), options.keyFile),
    readKeys: all(options.readKey ?? (AGL_READ_KEY ? [AGL_READ_KEY] : []), options.readKeyFile),
  };
}

/** What a client sends. */
export function addClientKey(command: Command): Command {
  return command
    .addOption(new Option("--key <key>", "the store server's key").env("AGL_KEY"))
    .addOption(new Option("--key-file <file>", "the same from a file, its first line").conflicts("key"));
}

/** Nothing without a key. @throws E_ARGUMENT */
export function toClientKey({ key, keyFile }: ClientKeyOptions): { readonly key?: string } {
  const found = keyFile === undefined ? key : keysOf(keyFile)[0];
  return found === undefined ? {} : { key: found };
}

// --- internal ---

function collect(text: string, before: readonly string[] = []): readonly string[] {
  if (text === "") throw new InvalidArgumentError("expected text that is not empty");
  return [...before, text];
}

function keysOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw argumentError("key file", `a file that can be read (${(error as Error).message})`, file);
  }
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0 || keys.some((key) => /\s/.test(key)))
    throw argumentError("key file", "a key a line, without spaces", file);
  return keys;
}
