// The gateway's routes with errors answered as the store server answers them.
import { Hono } from "hono";
import { type GatewayOptions, gatewayRoutes } from "../../../src/server/gateway/routes.js";
import { toRefusal } from "../../../src/server/http/api-error.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import type { LightningStore } from "../../../src/store/store.js";

export function gatewayApp(store: LightningStore, options: GatewayOptions = {}): Hono {
  const app = new Hono();
  app.onError((error) => {
    const { body, ...init } = toRefusal(error, console.error);
    return new Response(body, init);
  });
  return app.route("/", gatewayRoutes(store, options));
}

/** A gateway for the model "m", and its client. */
export function openGateway(options: GatewayOptions = {}, store: LightningStore = createMemoryStore()) {
  const app = gatewayApp(store, { modelName: "m", retryDelayMs: 1, ...options });
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { "content-type": "application/json" };
    const response = await app.request(path, { method, body: JSON.stringify(body), headers });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      json: text === "" ? undefined : JSON.parse(text),
    };
  };
  const create = async (fields: object = {}) =>
    (await call("POST", "/api/rollouts", [{ input: {}, ...fields }])).json[0].rollout_id as string;
  const move = (id: string, state: string) => call("PATCH", `/api/rollouts/${id}`, { status: { state } });
  const ask = (id: string, body: object = { messages: [] }) =>
    call("POST", `/proxy/rollout/${id}/attempt/0/mode/train/openai/v1/chat/completions`, body);
  return { store, call, create, move, ask };
}
