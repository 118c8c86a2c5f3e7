// Opens a store that another process serves.
import { argumentError, checkInteger } from "../../base/check.js";
import type { LightningStore } from "../store.js";
import { HttpStore } from "./http-store.js";
import { Transport } from "./transport.js";

export interface HttpStoreOptions {
  /** The server's key; default the URL's password, as in http://:KEY@host:4747. */
  readonly key?: string;
  /** For one request with its repetitions, not for a call's own wait; default 30 s. */
  readonly timeoutMs?: number;
}

/** Reaches the server once. @throws E_ARGUMENT for a wrong URL or key, E_STORE when no store answers there */
export async function openHttpStore(url: string, options: HttpStoreOptions = {}): Promise<LightningStore> {
  const { timeoutMs = 30_000 } = options;
  checkInteger("openStore", "timeoutMs", timeoutMs, { min: 1, max: 86_400_000 });
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw argumentError("openStore", "an address as in http://127.0.0.1:4747", url);
  const base = new URL(url);
  const password = decodeURIComponent(base.password);
  const key = options.key ?? (password === "" ? null : password);
  for (const part of ["username", "password", "search", "hash"] as const) base[part] = "";
  base.pathname = `${base.pathname.replace(/\/+$/, "").replace(/\/v1\/agl$/, "")}/v1/agl`;
  const store = new HttpStore(new Transport(base, { key, timeoutMs }));
  try {
    await store.queryWorkers({ limit: 1 });
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}
