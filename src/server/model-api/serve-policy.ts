// A trained policy on a port of its own.
import { getRequestListener } from "@hono/node-server";
import { nameRequest } from "../http/request-id.js";
import { listen } from "../store-api/listening.js";
import { createModelApp, type ModelApp, type ModelAppOptions } from "./model-app.js";

export interface ServePolicyOptions extends ModelAppOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface PolicyServer extends Pick<ModelApp, "changeKeys" | "reload"> {
  readonly url: string;
  /** Takes no more calls; resolves when what runs is answered, or was cut off after five seconds. */
  close(): Promise<void>;
}

/** @throws E_STORE when the address cannot be listened on */
export async function servePolicy({ host, port, ...options }: ServePolicyOptions): Promise<PolicyServer> {
  const { app, changeKeys, reload } = createModelApp(options);
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000, noDelay: true };
  const listening = await listen(limits, host, port, (incoming, outgoing) => {
    nameRequest(incoming, outgoing);
    return listener(incoming, outgoing);
  });
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${listening.port}`;
  return { url, changeKeys, reload, close: listening.close };
}
