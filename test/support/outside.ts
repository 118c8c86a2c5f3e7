// A client outside of this process' rollouts: a worker thread, whose fetch nothing wraps. What it asks goes by the socket.
import { Worker } from "node:worker_threads";

export interface OutsideAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Outside extends AsyncDisposable {
  /** POST with the value as JSON, unless told otherwise. */
  call(
    url: string,
    value: unknown,
    headers?: Record<string, string>,
    method?: string,
  ): Promise<OutsideAnswer>;
}

export function openOutside(): Outside {
  const worker = new Worker(kCode, { eval: true });
  const waiting = new Map<number, (answer: OutsideAnswer | string) => void>();
  worker.on("message", ({ id, answer }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  let next = 0;
  return {
    call: (url, value, headers = {}, method = "POST") =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, (answer) =>
          typeof answer === "string" ? reject(new Error(answer)) : resolve(answer),
        );
        const body = method === "GET" ? undefined : JSON.stringify(value);
        worker.postMessage({
          id,
          url,
          method,
          body,
          headers: { "content-type": "application/json", ...headers },
        });
      }),
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}

// --- internal ---

const kCode = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", async ({ id, url, ...init }) => {
  try {
    const response = await fetch(url, init);
    const answer = { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
    parentPort.postMessage({ id, answer });
  } catch (error) {
    parentPort.postMessage({ id, answer: String(error.cause ?? error) });
  }
});`;
