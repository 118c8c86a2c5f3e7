import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { createInProcessRun } from "../../src/runner/run-in-process.js";
import { unrouted } from "../../src/tracing/context.js";
import { asAgent } from "../../src/tracing/operation.js";
import type { Agent } from "../../src/types/agent.js";
import type { Resource, Resources } from "../../src/types/resources.js";
import type { SpanDraft } from "../../src/types/span.js";

interface Seen {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly caller: readonly unknown[];
  readonly body: Record<string, unknown>;
}

/** A model server that answers with its name. */
async function startModel(name: string) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const { url, headers } = request;
    const body = JSON.parse(text);
    const caller = [headers.traceparent, headers["x-agl-agent"]];
    seen.push({ url, authorization: headers.authorization, caller, body });
    const choice = { index: 0, finish_reason: "stop" };
    if (body.stream) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const piece of ["a", "b"])
        response.write(
          `data: ${JSON.stringify({ id: name, choices: [{ ...choice, delta: { content: piece } }] })}\n\n`,
        );
      response.end("data: [DONE]\n\n");
      return;
    }
    const message = { role: "assistant", content: name };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: name, choices: [{ ...choice, message }] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.dispose]: () => void server.close().closeAllConnections(),
  };
}

async function run(agent: Agent<never>, resources: Resources) {
  const spans: SpanDraft[] = [];
  const ids = { rolloutId: "ro-1", attemptId: "at-1" };
  const job = { input: null, ...ids, mode: "train", resources, timeoutMs: 10_000 } as const;
  const hooks = { signal: new AbortController().signal, onSpan: (span: SpanDraft) => void spans.push(span) };
  const { end } = createInProcessRun(agent, { graceMs: 100 })(job, hooks);
  return { end: await end, spans };
}

const llm = (endpoint: string, more: Partial<Extract<Resource, { endpoint: string }>> = {}): Resource => ({
  ...{
    resourceType: "llm",
    endpoint,
    model: "tuned",
    apiKey: "theirs",
    samplingParameters: { temperature: 0.3 },
  },
  ...more,
});

const ask = async (model = "gpt-4o", stream = false) => {
  const client = new OpenAI({ apiKey: "mine", maxRetries: 0 });
  const request = { model, messages: [{ role: "user" as const, content: "hi" }] };
  if (!stream) return (await client.chat.completions.create(request)).choices[0]?.message.content;
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
    text += chunk.choices[0]?.delta.content;
  return text;
};

describe("the model calls of an agent in a runner process", () => {
  it("go to the endpoint of the rollout's resources, with its model, key and sampling, and are recorded once", async () => {
    using server = await startModel("tuned");
    let answer: unknown;
    const { end, spans } = await run(
      async () => {
        answer = await ask();
      },
      { main: llm(`${server.origin}/v1`) },
    );
    expect([end.ended, end.error, answer]).toEqual(["returned", null, "tuned"]);
    expect(server.seen).toEqual([
      {
        ...{ url: "/v1/chat/completions", authorization: "Bearer theirs", caller: [undefined, undefined] },
        body: { model: "tuned", temperature: 0.3, messages: [{ role: "user", content: "hi" }] },
      },
    ]);
    expect(spans.map(({ name, attributes }) => [name, attributes["gen_ai.completion.0.content"]])).toEqual([
      ["openai.chat.completion", "tuned"],
    ]);
  });

  it("stream through", async () => {
    using server = await startModel("tuned");
    let answer: unknown;
    const { spans } = await run(
      async () => {
        answer = await ask("gpt-4o", true);
      },
      { main: llm(`${server.origin}/v1`) },
    );
    expect(answer).toBe("ab");
    expect(spans[0]?.attributes["gen_ai.completion.0.content"]).toBe("ab");
  });

  it("go where the name says, of the resource or its model, else to the first", async () => {
    using a = await startModel("a");
    using b = await startModel("b");
    const answers: unknown[] = [];
    await run(
      async () => {
        for (const name of ["second", "model-b", "first", "gpt-4o"]) answers.push(await ask(name));
      },
      { first: llm(`${a.origin}/v1`), second: llm(`${b.origin}/v1`, { model: "model-b" }) },
    );
    expect(answers).toEqual(["b", "b", "a", "a"]);
  });

  it("carry the rollout in the path to a proxy of 0.3, and never the agent's own key", async () => {
    using server = await startModel("p");
    await run(() => ask().then(() => undefined), {
      main: llm(`${server.origin}/v1/`, { resourceType: "proxy_llm", apiKey: null }),
    });
    expect(server.seen.map(({ url, authorization }) => [url, authorization])).toEqual([
      ["/rollout/ro-1/attempt/at-1/v1/chat/completions", undefined],
    ]);
  });

  it("name the agent and the span that enclose them", async () => {
    using server = await startModel("p");
    const { spans } = await run(() => asAgent("el planificador é", () => ask().then(() => undefined)), {
      main: llm(`${server.origin}/v1`, { resourceType: "proxy_llm" }),
    });
    const around = spans.find(({ attributes }) => attributes["agent.name"] !== undefined);
    expect(server.seen.map(({ caller }) => caller)).toEqual([
      [`00-${around?.traceId}-${around?.spanId}-01`, encodeURIComponent("el planificador é")],
    ]);
  });

  it("can be made by processes that the agent starts, at the proxy's address and with its key", async () => {
    let endpoint: unknown;
    const agent: Agent<never> = (_, context) => {
      ({ endpoint } = context);
      return 1;
    };
    await run(agent, { main: llm("http://10.0.0.1:4747/v1/", { resourceType: "proxy_llm" }) });
    const base = "http://10.0.0.1:4747/rollout/ro-1/attempt/at-1";
    expect(endpoint).toMatchObject({
      ...{ openai: `${base}/v1`, anthropic: base },
      env: { OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: "theirs", ANTHROPIC_BASE_URL: base },
    });
    await run(agent, { main: llm("http://10.0.0.1:4747/v1") });
    expect(endpoint).toMatchObject({ anthropic: "http://agentlightning.invalid/rollout/ro-1/attempt/at-1" });
  });

  it("to the endpoint itself are recorded, and those inside unrouted are not", async () => {
    using server = await startModel("tuned");
    const agent: Agent<never> = async (_, { resources }) => {
      const { endpoint } = resources.main as Extract<Resource, { endpoint: string }>;
      const call = () => fetch(`${endpoint}/chat/completions`, { method: "POST", body: '{"messages":[]}' });
      await (await call()).text();
      await unrouted(async () => (await call()).text());
    };
    const { spans } = await run(agent, { main: llm(`${server.origin}/v1`) });
    expect([server.seen.length, spans.length]).toEqual([2, 1]);
  });

  it("to an interface that the endpoint has not are refused by name", async () => {
    const status: number[] = [];
    await run(
      async () => {
        const url = "https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent";
        status.push((await fetch(url, { method: "POST", body: "{}" })).status);
      },
      { main: llm("http://127.0.0.1:9/v1") },
    );
    expect(status).toEqual([404]);
  });
});
