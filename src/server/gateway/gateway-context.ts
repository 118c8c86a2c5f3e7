// What the gateway's routes share.
import type { Hono } from "hono";
import type { LightningStore } from "../../store/store.js";
import type { GatewayEvent } from "./gateway-records.js";
import type { ModelTable } from "./model-table.js";
import type { ModelProxy } from "./proxy.js";
import type { AnyRollout, RolloutBook } from "./rollout-book.js";

export interface GatewayContext {
  readonly app: Hono;
  readonly store: LightningStore;
  readonly book: RolloutBook;
  readonly models: ModelTable;
  readonly proxy: ModelProxy;
  readonly maxBodyBytes: number;
  /** Keeps an event as a span of the rollout. */
  record(rollout: AnyRollout, event: GatewayEvent): Promise<void>;
}
