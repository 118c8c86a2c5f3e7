// A store by its URL. Each backend is loaded when it is asked for, so that importing the package loads no driver.
import { argumentError, checkText } from "../base/check.js";
import { nearest } from "../base/nearest.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { showUrl } from "../base/show-url.js";
import type { HttpStoreOptions } from "./http/open-http-store.js";
import { createMemoryStore } from "./memory-store.js";
import type { PostgresStoreOptions } from "./postgres/open-postgres-store.js";
import type { PreparingOptions } from "./preparing-limit.js";
import type { SqliteStoreOptions } from "./sqlite/open-sqlite-store.js";
import type { LightningStore } from "./store.js";

/** Options of all backends; each takes those that are its own. */
export interface StoreOptions
  extends HttpStoreOptions,
    PostgresStoreOptions,
    SqliteStoreOptions,
    PreparingOptions {}

/**
 * Opens the store at a URL:
 *   memory:                  this process's memory; nothing survives it
 *   sqlite:PATH              a file, shared by processes of one machine
 *   postgres://...           a PostgreSQL database, shared by machines
 *   http://... https://...   a store that `agl store` or `serve` offers there
 * @throws E_ARGUMENT when the URL is none of these or the backend's driver is not installed; E_STORE when it cannot be opened
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<LightningStore> {
  checkText(kWho, kExpected, url);
  checkOptions(kWho, options, kNames);
  if (url === "memory:") return createMemoryStore(options);
  if (url.startsWith("sqlite:")) {
    const { openSqliteStore } = await import("./sqlite/open-sqlite-store.js");
    return openSqliteStore(url.slice("sqlite:".length), options);
  }
  if (/^postgres(ql)?:/.test(url)) {
    const { openPostgresStore } = await import("./postgres/open-postgres-store.js");
    return openPostgresStore(url, options);
  }
  if (/^https?:/.test(url)) {
    const { openHttpStore } = await import("./http/open-http-store.js");
    return openHttpStore(url, options);
  }
  throw argumentError(kWho, kExpected, showUrl(url), remedyFor(showUrl(url)));
}

// --- internal ---

const kWho = "openStore";
const kExpected = "memory:, sqlite:PATH, postgres://... or http://HOST:PORT";
const kNames: OptionNames<StoreOptions> = {
  key: ["api_key", "token", "password"],
  timeoutMs: ["timeout"],
  schema: ["search_path", "namespace"],
  poolSize: ["max_connections", "max"],
  connectTimeoutMs: ["connectionTimeoutMillis", "connect_timeout"],
  statementTimeoutMs: ["statement_timeout"],
  pollMs: ["poll_interval"],
  durability: ["synchronous", "sync"],
  cacheBytes: ["cache_size"],
  driver: ["dialect"],
  readOnly: ["readonly", "read_only"],
  preparingSeconds: ["preparing_timeout"],
};

/** A scheme without its colon or in another spelling, or a file without one. */
function remedyFor(url: string): string {
  const [scheme = "", rest] = url.split(/:(?:\/\/\/?)?(.*)/s);
  const known = nearest(scheme, ["memory", "sqlite", "postgres", "http", "https"], 0.4);
  if (known === "memory") return 'write "memory:"';
  if (known === "sqlite" && rest !== undefined) return `write ${JSON.stringify(`sqlite:${rest}`)}`;
  if (rest === undefined) return `for a file, write ${JSON.stringify(`sqlite:${url}`)}`;
  return "the scheme is one of these";
}
