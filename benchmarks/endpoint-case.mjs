// What a served call costs beside its sampling, in a process of its own:
//   --contender chat|chat-stream|responses|responses-stream|fetch|hono
// Rollouts of two calls as an agent with a tool makes them: a question, a call of the tool, its result, an answer. The policy's answers are at hand,
// with the tokenizer and chat template of Qwen2; interception, parsing, splicing, spans and answers are the package's. `fetch`: the same client alone,
// over a dispatcher that answers at once. `hono`: the same client and a hono server on loopback in another process. Prints one JSON line.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    contender: { type: "string", default: "chat" },
    rollouts: { type: "string", default: "2000" },
    concurrency: { type: "string", default: "8" },
    role: { type: "string", default: "measure" },
  },
});
const tool = {
  name: "add",
  description: "The sum of two numbers.",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
};
const said = [
  '<tool_call>\n{"name": "add", "arguments": {"a": 17, "b": 25}}\n</tool_call>',
  "17 and 25 are 42.",
];
/** Prompts of fewer tokens are first ones. */
const kFirst = 320;
const kJsonHeaders = [Buffer.from("content-type"), Buffer.from("application/json")];
const isStream = values.contender.endsWith("-stream");
const isResponses = values.contender.startsWith("responses");

if (values.role === "server") await runServer();
else await measure();

// --- internal ---

async function measure() {
  const server = values.contender === "hono" ? await startServer() : undefined;
  const agent = isResponses ? byResponses : byChat;
  const base = server?.url ?? "https://api.openai.com";
  if (values.contender === "fetch") answerAtOnce();
  const isServed = !["hono", "fetch"].includes(values.contender);
  const rollout = isServed ? await createServed((n) => agent(base, n)) : (n) => agent(base, n);
  const during = async (rollouts) => {
    let begun = 0;
    const repeat = async () => {
      while (begun < rollouts) await rollout(begun++);
    };
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    await Promise.all(Array.from({ length: Number(values.concurrency) }, repeat));
    const { user, system } = process.cpuUsage(cpu);
    const calls = 2 * rollouts;
    return {
      milliseconds: (performance.now() - start) / calls,
      cpuMilliseconds: (user + system) / 1000 / calls,
      calls,
    };
  };
  await during(Number(values.rollouts) / 4);
  const measured = await during(Number(values.rollouts));
  server?.close();
  const { user, system } = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  console.log(JSON.stringify({ ...measured, cpuSeconds: (user + system) / 1e6, peakBytes: maxRSS * 1024 }));
}

/** An agent's rollouts as the trainer runs them, the store and the deadline apart. */
async function createServed(agent) {
  const dist = (path) => import(`../dist/${path}`);
  const { createModelHandler } = await dist("server/endpoint/model-handler.js");
  const { createTemplateNotes } = await dist("server/endpoint/template-notes.js");
  const { toCallSpan } = await dist("server/endpoint/call-span.js");
  const { runInRollout } = await dist("tracing/run-in-rollout.js");
  const { emitSpan } = await dist("tracing/span.js");
  const policy = await scriptedPolicy(dist);
  const notes = createTemplateNotes();
  return async (n) => {
    const handle = createModelHandler({
      ...{ policy, seed: BigInt(n), notes },
      sampling: ({ sampling: asked }) => ({
        temperature: 1,
        topP: 1,
        topK: 0,
        minP: 0,
        maxTokens: asked.maxTokens ?? 64,
      }),
      record: (call) => emitSpan(toCallSpan(call, policy.tokenizer)),
    });
    const prefixes = [];
    const scope = {
      ...{ rolloutId: `rollout-${n}`, attemptId: "attempt-1", mode: "train", resources: {}, handle },
      ...{ signal: new AbortController().signal, route: () => "serve" },
      record: ({ attributes }) => prefixes.push(attributes["agentlightning.prefix"]),
    };
    await runInRollout(scope, () => agent(n));
    if (prefixes.join() !== "start,extends") throw new Error(`expected spliced calls, got ${prefixes}`);
  };
}

async function scriptedPolicy(dist) {
  const { loadTokenizer } = await dist("policy/tokenizer/tokenizer.js");
  const { loadChatTemplate, renderChat } = await dist("policy/chat/chat-template.js");
  const { readModelConfig } = await dist("policy/model/model-config.js");
  const folder = fileURLToPath(new URL("../test/fixtures/models/qwen2", import.meta.url));
  const [tokenizer, template, config] = [
    loadTokenizer(folder),
    loadChatTemplate(folder),
    readModelConfig(folder),
  ];
  const answers = said.map((text) => {
    const tokens = Int32Array.from([...tokenizer.encode(text), config.eosTokenIds[0]]);
    return {
      ...{ tokens, logprobs: new Float32Array(tokens.length).fill(-0.5), finishReason: "stop" },
      ...{ topTokens: new Int32Array(0), topLogprobs: new Float32Array(0) },
      ...{ adapter: "default", version: 0, arithmetic: "f32" },
    };
  });
  return {
    ...{
      config,
      tokenizer,
      contextLength: 4096,
      toolCalls: template.family,
      thoughtsIn: template.thoughtsIn,
    },
    renderChat: (messages, options) => renderChat(template, tokenizer, messages, options),
    async sample({ prompt, onToken }) {
      const answer = answers[prompt.length < kFirst ? 0 : 1];
      for (const token of onToken ? answer.tokens : []) onToken({ choice: 0, token, logprob: -0.5 });
      return [answer];
    },
  };
}

async function byChat(base, n) {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: `What are 17 and 25, question ${Math.floor(n / 8)}?` },
  ];
  const tools = [{ type: "function", function: tool }];
  const ask = () =>
    post(`${base}/v1/chat/completions`, {
      model: "m",
      messages,
      tools,
      temperature: 0,
      ...(isStream ? { stream: true } : {}),
    });
  const first = await ask();
  const message = isStream
    ? {
        role: "assistant",
        content: null,
        tool_calls: first.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []),
      }
    : first.choices[0].message;
  messages.push(message, { role: "tool", tool_call_id: message.tool_calls[0].id, content: "42" });
  await ask();
}

async function byResponses(base, n) {
  const input = [{ role: "user", content: `What are 17 and 25, question ${Math.floor(n / 8)}?` }];
  const tools = [{ type: "function", ...tool, strict: false }];
  const ask = () =>
    post(`${base}/v1/responses`, {
      model: "m",
      instructions: "Be brief.",
      input,
      tools,
      temperature: 0,
      ...(isStream ? { stream: true } : {}),
    });
  const first = await ask();
  const { output } = isStream ? first.at(-1).response : first;
  input.push(...output, { type: "function_call_output", call_id: output[0].call_id, output: "42" });
  await ask();
}

async function post(url, body) {
  const headers = { "content-type": "application/json", authorization: "Bearer x" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (response.status !== 200) throw new Error(await response.text());
  if (!isStream) return await response.json();
  const events = (await response.text()).split("\n\n").filter(Boolean);
  return events
    .filter((event) => event !== "data: [DONE]")
    .map((event) => JSON.parse(event.slice(event.indexOf("data: ") + 6)));
}

/** In place of the global dispatcher, as Node's fetch finds it. */
function answerAtOnce() {
  globalThis[Symbol.for("undici.globalDispatcher.1")] = {
    dispatch({ body }, handler) {
      void (async () => {
        const chunks = [];
        for await (const chunk of body) chunks.push(chunk);
        const { messages } = JSON.parse(Buffer.concat(chunks).toString());
        handler.onConnect(() => undefined, {});
        handler.onHeaders(200, kJsonHeaders, () => undefined, "OK");
        handler.onData(Buffer.from(JSON.stringify(fixedAnswer(messages.length === 2))));
        handler.onComplete([]);
      })();
      return true;
    },
  };
}

async function startServer() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--role", "server"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await child.stdout.setEncoding("utf8").take(1).toArray();
  return { url: line.trim(), close: () => child.stdin.end() };
}

async function runServer() {
  const { Hono } = await import("hono");
  const { serve } = await import("@hono/node-server");
  const app = new Hono();
  app.post("/v1/chat/completions", async (context) => {
    const { messages } = await context.req.json();
    return context.json(fixedAnswer(messages.length === 2));
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
    console.log(`http://127.0.0.1:${port}`),
  );
  process.stdin.on("end", () => server.close(() => process.exit(0))).resume();
}

function fixedAnswer(isFirst) {
  const call = { id: "call_1", type: "function", function: { name: "add", arguments: '{"a": 17, "b": 25}' } };
  const message = {
    role: "assistant",
    content: isFirst ? null : said[1],
    ...(isFirst ? { tool_calls: [call] } : {}),
  };
  return {
    ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "m" },
    choices: [{ index: 0, message, logprobs: null, finish_reason: isFirst ? "tool_calls" : "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}
