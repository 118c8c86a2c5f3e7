// What the gateway's routes share.
import type { Hono } from "hono";
import type { LightningStore } from "../../store/store.js";
import type { EventLog } from "./event-log.js";
import type { ModelTable } from "./model-table.js";
import type { ModelProxy } from "./proxy.js";
import type { RolloutBook } from "./rollout-book.js";

export interface GatewayContext {
  readonly app: Hono;
  readonly store: LightningStore;
  readonly book: RolloutBook;
  readonly models: ModelTable;
  readonly proxy: ModelProxy;
  readonly maxBodyBytes: number;
  readonly events: EventLog;
}
