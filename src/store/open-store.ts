// A store by its URL. Each backend is loaded when it is asked for, so that importing the package loads no driver.
import { argumentError } from "../base/check.js";
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
  throw argumentError("openStore", "memory:, sqlite:PATH, postgres://... or http://HOST:PORT", url);
}
