// The routes of Agent Lightning 1.0's gateway over a LightningStore: its controllers, agents and trainers find here what they know.
// Keys are checked, and errors answered, by the server that mounts these.
import { type Context, Hono } from "hono";
import type { LightningStore } from "../../store/store.js";
import { answerJson } from "../http/answer.js";
import { EventLog } from "./event-log.js";
import { EventShelf } from "./event-shelf.js";
import { GatewayMemory } from "./gateway-memory.js";
import { ModelTable } from "./model-table.js";
import { ModelProxy, type ProxyOptions } from "./proxy.js";
import { mountProxyRoutes } from "./proxy-routes.js";
import { RolloutBook } from "./rollout-book.js";
import { mountEventRoutes, mountRolloutRoutes } from "./rollout-routes.js";

export interface GatewayOptions extends ProxyOptions {
  /** Of one request. Default 32 MiB. */
  readonly maxBodyBytes?: number;
}

/** @param refuse  asked before a call is taken: why none is taken now @returns undefined for a request that is no call of theirs */
export type AnswerHere = (c: Context, refuse: () => Response | undefined) => Promise<Response | undefined>;

/**
 * Routes at the server's root: /healthz, /api/rollouts, /api/models, /proxy. They throw ApiError and LightningError.
 * @param answerHere  asked first: answers calls of rollouts whose model is in this process
 */
export function gatewayRoutes(
  store: LightningStore,
  options: GatewayOptions = {},
  answerHere?: AnswerHere,
): Hono {
  const { maxBodyBytes = 32 << 20, ...proxyOptions } = options;
  const memory = new GatewayMemory(store);
  const shelf = new EventShelf(store);
  const book = new RolloutBook(store, memory, shelf);
  const models = new ModelTable(memory);
  const proxy = new ModelProxy(models, proxyOptions);
  const app = new Hono();
  const events = new EventLog(store, book, shelf);
  const context = { app, store, book, events, models, proxy, maxBodyBytes };
  app.get("/healthz", (c) => answerJson(c, 200, { status: "ok" }));
  // Whoever asks for a pause wants no call to begin; nothing else turns one of these away.
  if (answerHere !== undefined)
    app.use(async (c, next) => (await answerHere(c, () => proxy.pauseRefusal())) ?? next());
  mountRolloutRoutes(context);
  mountEventRoutes(context);
  mountProxyRoutes(context);
  return app;
}
