// The keys of a server: whose they are, and where one is needed.
import { argumentError } from "../../base/check.js";

export interface Keys {
  /** Of those who may do all. None: only requests addressed to this machine by a loopback name, without a key. */
  readonly keys: readonly string[];
  /** Of those who may only read. */
  readonly readKeys: readonly string[];
}

export interface GivenKeys {
  readonly key?: string | readonly string[];
  readonly readKeys?: readonly string[];
}

/** @throws E_ARGUMENT for keys that are none, and for an address beyond this machine without one */
export function toKeys(host: string, { key = [], readKeys = [] }: GivenKeys): Keys {
  const keys = typeof key === "string" ? [key] : key;
  for (const [name, list] of Object.entries({ key: keys, readKeys }))
    if (!Array.isArray(list) || list.some((one) => typeof one !== "string" || one === ""))
      throw argumentError("serve", `${name} to be texts that are not empty`, typeof list);
  if (readKeys.length > 0 && (keys.length === 0 || readKeys.some((one) => keys.includes(one))))
    throw argumentError("serve", "a key besides readKeys, of those who may write", undefined);
  if (keys.length === 0 && !isLoopback(host))
    throw argumentError(
      "serve",
      "a key for a host that other machines reach",
      host,
      "pass key or bind to 127.0.0.1",
    );
  return { keys, readKeys };
}

/** An address or name that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
