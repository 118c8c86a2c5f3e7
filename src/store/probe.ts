// Whether a store can keep something now, found out by a write that changes nothing.
import type { LightningStore } from "./store.js";

export interface StoreProbe {
  /** @throws E_STORE, E_CLOSED */
  probe(): Promise<void>;
}

/** A store of others is asked how much it keeps. */
export async function probeStore(store: LightningStore | (LightningStore & StoreProbe)): Promise<void> {
  if ("probe" in store) await store.probe();
  else await store.statistics();
}
