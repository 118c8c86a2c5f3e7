import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { asAgent } from "../../src/tracing/operation.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { testScope } from "./test-scope.js";

const answer = {
  ...{ id: "chatcmpl-9", object: "chat.completion", created: 1, model: "gpt-real" },
  choices: [
    {
      ...{ index: 0, finish_reason: "tool_calls" },
      message: {
        ...{ role: "assistant", content: null },
        tool_calls: [{ id: "c1", type: "function", function: { name: "add", arguments: '{"a": 1}' } }],
      },
    },
  ],
  usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 },
};

let server: Server;
let origin: string;
let respond: (response: ServerResponse) => void;
let bodies: string[] = [];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    bodies.push(body);
    respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  bodies = [];
  respond = (response) => {
    response.writeHead(200, { "content-type": "application/json", "x-secret": "h" });
    response.end(JSON.stringify(answer));
  };
});

const forwarding = () => testScope({ route: () => "forward" });
const request = {
  ...{ model: "gpt-real", temperature: 0.5, max_completion_tokens: 64 },
  messages: [
    { role: "system" as const, content: "add" },
    { role: "user" as const, content: [{ type: "text" as const, text: "1" }] },
  ],
  tools: [
    {
      type: "function" as const,
      function: { name: "add", description: "d", parameters: { type: "object" } },
    },
  ],
};
const client = () => new OpenAI({ apiKey: "sk-secret", baseURL: `${origin}/v1`, maxRetries: 0 });

const expectedAttributes = () => ({
  "agentlightning.route": "forward",
  "server.address": new URL(origin).host,
  "url.path": "/v1/chat/completions",
  "http.response.status_code": 200,
  "gen_ai.request.model": "gpt-real",
  "gen_ai.request.temperature": 0.5,
  "gen_ai.request.max_tokens": 64,
  "gen_ai.prompt.0.role": "system",
  "gen_ai.prompt.0.content": "add",
  "gen_ai.prompt.1.role": "user",
  "gen_ai.prompt.1.content": '[{"type":"text","text":"1"}]',
  "gen_ai.request.functions.0.name": "add",
  "gen_ai.request.functions.0.description": "d",
  "gen_ai.request.functions.0.parameters": '{"type":"object"}',
  "gen_ai.response.id": "chatcmpl-9",
  "gen_ai.response.model": "gpt-real",
  "gen_ai.response.finish_reason": "tool_calls",
  "gen_ai.usage.input_tokens": 11,
  "gen_ai.usage.output_tokens": 5,
  "gen_ai.completion.0.role": "assistant",
  "gen_ai.completion.0.tool_calls.0.id": "c1",
  "gen_ai.completion.0.tool_calls.0.name": "add",
  "gen_ai.completion.0.tool_calls.0.arguments": '{"a": 1}',
});

describe("a forwarded call", () => {
  it("reaches its provider unchanged and is recorded with request and response, below its agent", async () => {
    const scope = forwarding();
    const completion = await runInRollout(scope, () =>
      asAgent("judge", () => client().chat.completions.create(request)),
    );
    expect(completion).toMatchObject(answer);
    expect(bodies).toEqual([JSON.stringify(request)]);
    const [span, judge] = scope.spans;
    expect(span).toMatchObject({ name: "openai.chat.completion", status: { code: "OK" } });
    expect(span?.parentId).toBe(judge?.spanId);
    expect(span?.endTime).toBeGreaterThan(span!.startTime);
    expect(span?.attributes).toEqual({
      ...expectedAttributes(),
      "agentlightning.request.body": JSON.stringify(request),
      "agentlightning.response.body": JSON.stringify(answer),
    });
    expect(scope.requests).toEqual([]);
  });

  it("leaves no header and no query in any span", async () => {
    const scope = forwarding();
    await runInRollout(scope, async () => {
      await client().chat.completions.create(request);
      const headers = { "x-goog-api-key": "sk-secret" };
      const url = `${origin}/v1beta/models/gemini-x:generateContent?key=sk-secret`;
      await (await fetch(url, { method: "POST", body: "{}", headers })).text();
    });
    expect(scope.spans.map(({ name }) => name)).toEqual([
      "openai.chat.completion",
      "google.generate_content",
    ]);
    expect(scope.spans[1]?.attributes).toMatchObject({ "gen_ai.request.model": "gemini-x" });
    expect(JSON.stringify(scope.spans)).not.toMatch(/secret/);
  });

  it("leaves no credentials of its bodies in any span, and the provider gets them", async () => {
    const key = "sk-abcdefghijklmnop1234";
    respond = (response) => {
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } }));
    };
    const scope = forwarding();
    const body = JSON.stringify({
      ...{ ...request, messages: [{ role: "user", content: "mind https://me:secret-1@host/" }] },
      ...{ api_key: "secret-2", extra_headers: { Authorization: "Bearer secret-345678" } },
    });
    await runInRollout(scope, async () => {
      await (await fetch(`${origin}/v1/chat/completions`, { method: "POST", body })).text();
    });
    expect(bodies).toEqual([body]);
    expect(scope.spans[0]?.attributes["gen_ai.prompt.0.content"]).toBe("mind https://[redacted]@host/");
    expect(JSON.stringify(scope.spans)).not.toMatch(/secret|abcdefghij/);
  });

  it("that streams is passed on as it comes and recorded joined together", async () => {
    const deltas = [
      { role: "assistant", content: null },
      { tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "add", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ": 1}" } }] },
    ];
    const chunk = (choices: object[], rest = {}) =>
      `data: ${JSON.stringify({ id: "chatcmpl-9", model: "gpt-real", choices, ...rest })}\n\n`;
    respond = (response) => {
      response.setHeader("content-type", "text/event-stream");
      for (const delta of deltas) response.write(chunk([{ index: 0, delta, finish_reason: null }]));
      response.write(chunk([{ index: 0, delta: {}, finish_reason: "tool_calls" }]));
      response.end(`${chunk([], { usage: answer.usage })}data: [DONE]\n\n`);
    };
    const scope = forwarding();
    let chunks = 0;
    await runInRollout(scope, async () => {
      for await (const _ of await client().chat.completions.create({ ...request, stream: true })) chunks++;
    });
    expect(chunks).toBe(6);
    expect(scope.spans[0]?.attributes).toMatchObject(expectedAttributes());
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ])("with a body in %s is recorded as text", async (encoding, compress) => {
    respond = (response) =>
      void response.setHeader("content-encoding", encoding).end(compress(JSON.stringify(answer)));
    const scope = forwarding();
    await runInRollout(scope, () => client().chat.completions.create(request));
    expect(scope.spans[0]?.attributes["agentlightning.response.body"]).toBe(JSON.stringify(answer));
    expect(scope.spans[0]?.attributes["gen_ai.response.id"]).toBe("chatcmpl-9");
  });

  it("that the provider refuses or that fails has status ERROR", async () => {
    const scope = forwarding();
    await runInRollout(scope, async () => {
      respond = (response) => void response.writeHead(429).end('{"error": {}}');
      await expect(client().chat.completions.create(request)).rejects.toThrow("429");
      respond = (response) => void response.destroy();
      await expect(client().chat.completions.create(request)).rejects.toThrow();
    });
    expect(scope.spans.map(({ status }) => status)).toEqual([
      { code: "ERROR", description: "HTTP 429" },
      { code: "ERROR", description: expect.stringMatching(/./) },
    ]);
    expect(scope.spans[1]?.attributes).not.toHaveProperty("http.response.status_code");
  });

  it("after the abort of the rollout is told that it is over and does not reach the provider", async () => {
    const scope = forwarding();
    scope.controller.abort(new RangeError("deadline"));
    const answer = await runInRollout(scope, () =>
      fetch(`${origin}/v1/chat/completions`, { method: "POST", body: JSON.stringify(request) }),
    );
    expect(await answer.json()).toMatchObject({ error: { code: "rollout_over" } });
    expect(bodies).toEqual([]);
  });
});
