// A model server for the gateway's tests, answering as the one that was recorded did, and remembering what it saw.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answer = (seen: Seen, response: ServerResponse) => void;

export async function startUpstream(answer: Answer = answerAsRecorded) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { accept, "content-type": type, authorization } = request.headers;
    const headers = {
      accept,
      "content-type": type,
      ...(authorization === undefined ? {} : { authorization }),
    };
    seen.push({ path: request.url!, headers, body: JSON.parse(await textOf(request)) });
    answer(seen.at(-1)!, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections());
  return { url: `http://127.0.0.1:${port}/v1`, seen, close };
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

export async function withUpstream(
  answer: Answer | undefined,
  test: (url: string, seen: unknown[]) => Promise<void>,
) {
  const upstream = await startUpstream(answer);
  try {
    await test(upstream.url, upstream.seen);
  } finally {
    await upstream.close();
  }
}

// --- internal ---

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function answerAsRecorded(seen: Seen, response: ServerResponse): void {
  const isFail = JSON.stringify(seen.body.messages ?? null).includes('"fail"');
  if (isFail) sendJson(response, 400, { error: { message: "maximum context length is 8" } });
  else sendJson(response, 200, seen.path === "/v1/completions" ? kCompletion : kChatCompletion);
}

const kCompletion = {
  id: "c2",
  choices: [
    {
      ...{ index: 0, text: "ok", finish_reason: "stop", prompt_token_ids: [1, 2, 3], token_ids: [6] },
      logprobs: { tokens: ["k"], token_logprobs: [-0.3] },
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
};

const kChatCompletion = {
  ...{ id: "c1", object: "chat.completion", model: "test-model", prompt_token_ids: [1, 2, 3] },
  choices: [
    {
      ...{
        index: 0,
        finish_reason: "stop",
        message: { role: "assistant", content: "ok" },
        token_ids: [4, 5],
      },
      logprobs: {
        content: [
          { token: "o", logprob: -0.1, bytes: null, top_logprobs: [] },
          { token: "k", logprob: -0.2, bytes: null, top_logprobs: [] },
        ],
      },
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};
