// A listening HTTP server that closes in good order: what is being answered is answered, connections without a request end at once.
import { createServer, type RequestListener, type ServerOptions } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { clearTimeout, setTimeout } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";

export interface Listening {
  /** The one it got. */
  readonly port: number;
  /** Resolves when everything is answered; what still hangs after five seconds is cut off. */
  close(): Promise<void>;
}

/** @throws E_STORE when the address cannot be listened on */
export function listen(
  options: ServerOptions,
  host: string,
  port: number,
  handle: RequestListener,
): Promise<Listening> {
  // Node counts a connection that has not asked anything yet as busy, for as long as its headers may take.
  const idle = new Set<Socket>();
  let isClosing = false;
  const server = createServer(options, (request, response) => {
    const { socket } = request;
    idle.delete(socket);
    response.once("close", () => {
      if (isClosing) socket.destroySoon();
      else if (!socket.destroyed) idle.add(socket);
    });
    return handle(request, response);
  });
  server.on("connection", (socket: Socket) => {
    idle.add(socket);
    socket.once("close", () => idle.delete(socket));
  });
  const close = () =>
    new Promise<void>((resolve) => {
      isClosing = true;
      const cut = setTimeout(() => server.closeAllConnections(), kGraceMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const socket of idle) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `serve: cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new LightningError("E_STORE", message, { cause }));
    };
    server.once("error", fail);
    server.listen(port, host, () => {
      server.off("error", fail);
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

// --- internal ---

const kGraceMs = 5000;
