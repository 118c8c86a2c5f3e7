// One HTTP exchange over kept connections, which tracing leaves alone. By node:http and not by fetch: it is the faster of the two.
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { clearTimeout, setTimeout } from "../../base/clock.js";
import { kPassed } from "../../base/passed.js";

export interface Exchange {
  readonly method: "GET" | "POST";
  /** From the server's root, with its query. */
  readonly path: string;
  /** JSON text. */
  readonly body: string;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The server saw nothing of the request: there was no connection. */
export class UnsentError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = "UnsentError";
  }
}

export interface Connections {
  /** @param onStart  gets what breaks the exchange off @throws UnsentError, or another error when the server may have seen it */
  exchange(exchange: Exchange, onStart: (breakOff: (reason: Error) => void) => void): Promise<Answer>;
  close(): void;
}

/** @param headers  of every request */
export function openConnections(base: URL, headers: Readonly<Record<string, string>>): Connections {
  const isSecure = base.protocol === "https:";
  const agent = isSecure ? new HttpsAgent(kAgentOptions) : new HttpAgent(kAgentOptions);
  const start = isSecure ? httpsRequest : httpRequest;
  const target = {
    ...{ agent, [kPassed]: true },
    host: base.hostname.replace(/^\[|\]$/g, ""),
    ...(base.port === "" ? {} : { port: base.port }),
  };
  return {
    exchange: ({ method, path, body, timeoutMs }, onStart) =>
      new Promise((resolve, reject) => {
        const entity =
          method === "GET"
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
        const outgoing = start({ ...target, method, path, headers: { ...headers, ...entity } });
        let isConnected = false;
        const breakOff = (reason: Error) => void outgoing.destroy(reason);
        const late = () => breakOff(new Error("no answer in time"));
        const connectTimer = setTimeout(late, Math.min(timeoutMs, kConnectMs));
        const timer = setTimeout(late, timeoutMs);
        const end = (finish: () => void) => {
          clearTimeout(connectTimer);
          clearTimeout(timer);
          finish();
        };
        const fail = (cause: Error) => end(() => reject(isConnected ? cause : new UnsentError(cause)));
        const connected = () => {
          isConnected = true;
          clearTimeout(connectTimer);
        };
        outgoing.once("socket", (socket) => {
          if (socket.connecting) socket.once(isSecure ? "secureConnect" : "connect", connected);
          else connected();
        });
        outgoing.once("error", fail);
        outgoing.once("response", (incoming) => {
          const { statusCode: status = 0, headers: given } = incoming;
          readText(incoming).then((text) => end(() => resolve({ status, headers: given, text })), fail);
        });
        onStart(breakOff);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

// --- internal ---

const kConnectMs = 5000;
// Sockets rest less long than servers keep them (uvicorn: 5 s), so that none is used while the server closes it.
const kAgentOptions = { keepAlive: true, maxFreeSockets: 256, timeout: 4000 };

function readText(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.once("end", () =>
      resolve((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString("utf8") ?? ""),
    );
    incoming.once("error", reject);
    incoming.once("aborted", () => reject(new Error("the answer ended before it was whole")));
  });
}
