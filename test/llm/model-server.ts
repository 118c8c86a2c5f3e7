// A server of chat completions that answers from a script, and counts.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelServer extends AsyncDisposable {
  readonly baseURL: string;
  /** Bodies as they came. */
  readonly asked: { readonly headers: IncomingHttpHeaders; readonly body: Record<string, unknown> }[];
  /** The most requests that were open at once. */
  readonly most: number;
}

/** A text, a failing status with its headers, a raw body, nothing ever, or a connection that breaks. */
export type Scripted =
  | string
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | "HANG"
  | "BREAK";

export async function modelServer(
  script: (nth: number, body: Record<string, unknown>) => Scripted | Promise<Scripted>,
): Promise<ModelServer> {
  const asked: ModelServer["asked"] = [];
  let open = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as Record<string, unknown>;
    asked.push({ headers: request.headers, body });
    open += 1;
    most = Math.max(most, open);
    const said = await script(asked.length - 1, body);
    open -= 1;
    answer(response, said);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    get most() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse, said: Scripted): void {
  if (said === "HANG") return;
  if (said === "BREAK") return void response.destroy();
  if (typeof said === "object") {
    response.writeHead(said.status, said.headers);
    return void response.end(said.body ?? "");
  }
  response.writeHead(200, { "content-type": "application/json" });
  const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: said } }];
  response.end(JSON.stringify({ id: "c", choices, usage: { prompt_tokens: 1000, completion_tokens: 10 } }));
}
