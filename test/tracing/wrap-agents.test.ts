import http, { type ClientRequest, createServer, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { currentContext, unrouted } from "../../src/tracing/context.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import type { CallNote } from "../../src/types/model-call.js";
import { completion, lastMessage, streamedCompletion, testScope } from "./test-scope.js";

const kUrl = "https://api.openai.com/v1/chat/completions";
const question = (content: string) => JSON.stringify({ model: "m", messages: [{ role: "user", content }] });

function send(url: string, options: RequestOptions = {}, body = question("x")): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => start(url, options, resolve).on("error", reject).end(body));
}
function start(url: string, options: RequestOptions, then: (response: IncomingMessage) => void) {
  const { request } = url.startsWith("https:") ? https : http;
  return request(url, { method: "POST", ...options }, then);
}
async function read(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}
const ask = async (url: string, options?: RequestOptions, body?: string) =>
  read(await send(url, options, body));

async function withServer<T>(answer: http.RequestListener, use: (origin: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const agents: readonly (readonly [string, RequestOptions])[] = [
  ["the global agent", {}],
  ["no agent", { agent: false }],
  ["an agent that keeps connections", { agent: new https.Agent({ keepAlive: true, maxSockets: 1 }) }],
  ["headers as a list", { headers: ["Host", "api.openai.com", "Transfer-Encoding", "chunked"] }],
  ["a subclass", { agent: new (class Own extends https.Agent {})() }],
];

describe("a model call through node:http inside a rollout", () => {
  it.each(agents)("is served in the process: %s", async (_how, options) => {
    const scope = testScope({ handle: async (request) => completion(lastMessage(request)) });
    await runInRollout(scope, async () => {
      for (const text of ["one", "two"]) {
        const response = await send(kUrl, options, question(text));
        expect(response.statusCode).toBe(200);
        expect(response.headers["content-type"]).toContain("application/json");
        expect(JSON.parse(await read(response))).toMatchObject({ id: `chatcmpl-${text}` });
      }
    });
    expect(scope.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array.from({ length: 2 }, () => `POST ${kUrl}`),
    );
  });

  it("belongs to the rollout that makes it, also while another waits on the same agent, and events come in its context", async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const scopes = Array.from({ length: 8 }, () =>
      testScope({ handle: async (request) => completion(lastMessage(request)) }),
    );
    await Promise.all(
      scopes.map((scope) =>
        runInRollout(scope, async () => {
          const response = await send(kUrl, { agent }, question(scope.rolloutId));
          response.on("data", () => expect(currentContext()?.scope).toBe(scope));
          expect(await read(response)).toContain(`chatcmpl-${scope.rolloutId}`);
        }),
      ),
    );
    expect(scopes.map(({ requests }) => requests.length)).toEqual(scopes.map(() => 1));
  });

  it("streams: each piece comes when it is made", async () => {
    let goOn: () => void = () => undefined;
    async function* pieces() {
      yield "a";
      await new Promise<void>((resolve) => (goOn = resolve));
      yield "b";
    }
    const scope = testScope({ handle: async () => streamedCompletion(pieces()) });
    await runInRollout(scope, async () => {
      const response = await send(kUrl);
      const seen: string[] = [];
      for await (const chunk of response.setEncoding("utf8")) {
        seen.push(...(String(chunk).match(/"content":"[ab]"/g) ?? []));
        if (seen.length === 1) goOn();
      }
      expect(seen).toEqual(['"content":"a"', '"content":"b"']);
    });
  });

  it("that its client destroys stops the handler, before the answer and in a stream", async () => {
    const reasons: unknown[] = [];
    const whenStopped = (signal: AbortSignal) =>
      new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason);
          resolve();
        }),
      );
    let call: ClientRequest | undefined;
    const stops: Promise<void>[] = [];
    const handle = (isStream: boolean) => async (request: { signal: AbortSignal }) => {
      const stopped = whenStopped(request.signal);
      stops.push(stopped);
      if (isStream) return streamedCompletion(endless());
      call?.destroy();
      await stopped;
      return completion("late");
    };
    await runInRollout(testScope({ handle: handle(false) }), async () => {
      const failed = new Promise<Error>((resolve) => {
        call = start(kUrl, {}, () => undefined).on("error", resolve);
        call.end(question("x"));
      });
      expect(await failed).toMatchObject({ code: "ECONNRESET" });
      await stops[0];
    });
    await runInRollout(testScope({ handle: handle(true) }), async () => {
      const response = await send(kUrl);
      for await (const _ of response) break;
      await stops[1];
    });
    expect(reasons).toHaveLength(2);
  });

  it("fails with the reason of the rollout's end, and later ones are refused", async () => {
    const handle = async () => new Promise<Response>(() => undefined);
    const scope = testScope({ handle });
    await runInRollout(scope, async () => {
      const call = send(kUrl);
      setImmediate(() => scope.controller.abort(new RangeError("deadline")));
      await expect(call).rejects.toThrow("deadline");
      const late = await send(kUrl);
      expect(late.statusCode).toBe(400);
      expect(JSON.parse(await read(late))).toMatchObject({ error: { code: "rollout_over" } });
    });
  });

  it("times out as its client asks", async () => {
    await runInRollout(testScope({ handle: () => new Promise(() => undefined) }), async () => {
      const timedOut = new Promise<string>((resolve) => {
        const call = start(kUrl, { timeout: 5 }, () => undefined);
        call.on("timeout", () => call.destroy(new Error("the client's timeout")));
        call.on("error", ({ message }) => resolve(message));
        call.end(question("x"));
      });
      expect(await timedOut).toBe("the client's timeout");
    });
  });

  it("goes to the rollout that it names, by path or header, and the policy does not see the name", async () => {
    const scope = testScope({ handle: async (request) => completion(lastMessage(request)) });
    let end: () => void = () => undefined;
    const running = runInRollout(scope, () => new Promise<void>((resolve) => (end = resolve)));
    const { rolloutId, attemptId } = scope;
    const byPath = `http://agentlightning.invalid/rollout/${rolloutId}/attempt/${attemptId}/v1/chat/completions`;
    expect(await ask(byPath)).toContain("chatcmpl-x");
    expect(await ask(kUrl, { headers: { "X-Agl-Rollout": `${rolloutId}/${attemptId}` } })).toContain(
      "chatcmpl-x",
    );
    expect(scope.requests.map(({ headers }) => headers["x-agl-rollout"])).toEqual([undefined, undefined]);
    expect(await ask("http://agentlightning.invalid/v1/chat/completions")).toContain("rollout_unknown");
    end();
    await running;
  });

  it("passes to the provider when it is forwarded, and is recorded, whole and decoded", async () => {
    const notes: CallNote["kind"][] = [];
    const scope = testScope({ route: () => "forward", note: ({ kind }) => void notes.push(kind) });
    const seen: http.IncomingHttpHeaders[] = [];
    const answered = await withServer(
      (request, response) => {
        seen.push(request.headers);
        response.writeHead(201, "Made", { "content-encoding": "gzip", "x-own": "1" });
        request.resume().on("end", () => response.end(gzipSync('{"id":"from-provider"}')));
      },
      (origin) =>
        runInRollout(scope, async () => {
          const headers = { authorization: "Bearer secret", "x-agl-rollout": `${scope.rolloutId}/at-1` };
          const response = await send(`${origin}/v1/chat/completions`, { headers });
          const { statusCode, statusMessage, headers: got } = response;
          const pieces: Buffer[] = [];
          for await (const piece of response) pieces.push(piece);
          const text = gunzipSync(Buffer.concat(pieces)).toString();
          return [statusCode, statusMessage, got["x-own"], text];
        }),
    );
    expect(answered).toEqual([201, "Made", "1", '{"id":"from-provider"}']);
    expect(scope.spans.map(({ attributes }) => attributes["gen_ai.response.id"])).toEqual(["from-provider"]);
    expect(seen[0]).toMatchObject({ authorization: "Bearer secret" });
    expect(seen[0]).not.toHaveProperty("x-agl-rollout");
    expect(notes).toEqual(["forward"]);
  });

  it("leaves alone what is ignored, unrouted, nobody's or no model call", async () => {
    const scope = testScope();
    await withServer(
      (_request, response) => void response.end("real"),
      async (origin) => {
        const url = `${origin}/v1/chat/completions`;
        await runInRollout(testScope({ route: () => "ignore" }), async () =>
          expect(await ask(url)).toBe("real"),
        );
        await runInRollout(scope, async () => {
          expect(await unrouted(() => ask(url))).toBe("real");
          expect(await ask(`${origin}/v1/embeddings`)).toBe("real");
        });
        expect(await ask(url)).toBe("real");
      },
    );
    expect(scope.requests).toEqual([]);
  });

  it("leaves Node's agents as they were after the last rollout, and under somebody's wrapper lets all pass", async () => {
    const prototype = http.Agent.prototype as unknown as { addRequest: (...values: unknown[]) => void };
    const original = prototype.addRequest;
    await runInRollout(testScope(), async () => expect(prototype.addRequest).not.toBe(original));
    expect(prototype.addRequest).toBe(original);
    await runInRollout(testScope(), async () => {
      const ours = prototype.addRequest;
      prototype.addRequest = function (...values) {
        return ours.apply(this, values);
      };
    });
    try {
      await withServer(
        (_request, response) => void response.end("real"),
        async (origin) => expect(await ask(`${origin}/v1/chat/completions`)).toBe("real"),
      );
    } finally {
      prototype.addRequest = original;
    }
  });
});

async function* endless() {
  for (;;) {
    yield "a";
    await new Promise((resolve) => setImmediate(resolve));
  }
}
