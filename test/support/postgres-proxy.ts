// A way to a PostgreSQL server that loses connections at the worst moment: while COMMIT is under way.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** before: the server never sees COMMIT. after: it has committed, and its answer is lost. */
export type Cut = "before" | "after";

export interface PostgresProxy {
  readonly url: string;
  /** Cuts the connection of the next COMMIT. @param stays  and answers nobody from then on */
  cutNext(cut: Cut, stays?: "down"): void;
  readonly cuts: number;
  /** Ends all connections, whatever they are doing. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function createPostgresProxy(target: string): Promise<PostgresProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let next: Cut | null = null;
  let staysDown = false;
  let isDown = false;
  let cuts = 0;
  const server = createServer((client) => {
    if (isDown) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    let isMute = false;
    client.on("data", (bytes) => {
      const cut = next !== null && bytes.includes("COMMIT\0") ? next : null;
      if (cut !== null) {
        next = null;
        cuts++;
        isDown = staysDown;
        isMute = true;
      }
      if (cut === "before") return end();
      upstream.write(bytes);
    });
    // ReadyForQuery, no transaction: it has committed.
    upstream.on("data", (bytes) => {
      if (!isMute) client.write(bytes);
      else if (bytes.includes("Z\0\0\0\u0005I")) end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cutNext(cut, stays) {
      next = cut;
      staysDown = stays === "down";
    },
    get cuts() {
      return cuts;
    },
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
