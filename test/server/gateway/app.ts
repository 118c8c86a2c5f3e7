// The gateway's routes with errors answered as the store server answers them.
import { Hono } from "hono";
import { type GatewayOptions, gatewayRoutes } from "../../../src/server/gateway/routes.js";
import { toRefusal } from "../../../src/server/store-api/api-error.js";
import type { LightningStore } from "../../../src/store/store.js";

export function gatewayApp(store: LightningStore, options: GatewayOptions = {}): Hono {
  const app = new Hono();
  app.onError((error) => {
    const { body, ...init } = toRefusal(error, console.error);
    return new Response(body, init);
  });
  return app.route("/", gatewayRoutes(store, options));
}
