// Sends a request of node:http that was looked at to where it was going, through the agent that it had.
import http, { type Agent, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { kPassed } from "../base/passed.js";
import type { Dispatcher, DispatchHandler } from "./dispatcher.js";
import { readHeaders } from "./request-body.js";
import { createResponseSink } from "./response-sink.js";

/** The options of a request as its agent gets them. */
export interface AgentOptions extends RequestOptions {
  readonly [kPassed]?: true;
}

/** A dispatcher whose requests are those of `options` with the dispatched method, headers and body, which is bytes. */
export function passThroughAgent(agent: Agent, protocol: string, options: AgentOptions): Dispatcher {
  return {
    dispatch: ({ method, headers, body }, handler) => {
      const { request } = protocol === "https:" ? https : http;
      const bytes = body instanceof Uint8Array ? body : Buffer.alloc(0);
      const sent = { ...options, agent, method, headers: toHeaders(headers, bytes), [kPassed]: true };
      play(request(sent), bytes, handler);
      return true;
    },
  };
}

// --- internal ---

/** Those that belong to the connection of the client are this one's to make. */
const kOfConnection = new Set(["connection", "content-length", "expect", "keep-alive", "transfer-encoding"]);

function toHeaders(headers: unknown, { byteLength }: Uint8Array): Record<string, string> {
  const own = Object.entries(readHeaders(headers)).filter(([name]) => !kOfConnection.has(name));
  return { ...Object.fromEntries(own), "content-length": String(byteLength) };
}

function play(request: http.ClientRequest, body: Uint8Array, handler: DispatchHandler): void {
  const sink = createResponseSink(handler, (reason) =>
    request.destroy(reason instanceof Error ? reason : undefined),
  );
  sink.start();
  request.once("error", sink.fail);
  request.once("response", (response: IncomingMessage) => {
    const { statusCode = 0, statusMessage = "", rawHeaders } = response;
    sink.head(statusCode, toPairs(rawHeaders), statusMessage);
    void (async () => {
      try {
        for await (const chunk of response) {
          sink.data(chunk);
          await sink.readyForMore();
        }
        sink.end();
      } catch (error) {
        sink.fail(error as Error);
      }
    })();
  });
  request.end(body);
}

function toPairs(raw: readonly string[]): (readonly [string, string])[] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""] as const] : []));
}
