// Run by Bun: calls of a rollout through the runtime's own fetch. Prints what became of them as JSON.
import { unrouted } from "../../src/tracing/context.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { isAnsweredInFetch } from "../../src/tracing/wrap-fetch.js";
import { completion, lastMessage, streamedCompletion, testScope } from "./test-scope.js";

const origin = process.argv[2] ?? "";
const own = globalThis.fetch;
const kUrl = "https://api.openai.com/v1/chat/completions";
const init = (content: string, more: object = {}) => ({
  ...{ method: "POST", body: JSON.stringify({ model: "m", messages: [{ role: "user", content }] }) },
  ...more,
});
const scope = testScope({
  handle: async (request) => {
    const text = lastMessage(request);
    return text === "stream" ? streamedCompletion(["a", "b"]) : completion(text);
  },
});
const seen = await runInRollout(scope, async ({ endpoint }) => {
  const json = async (response: Promise<Response>) => (await response).json();
  const text = async (response: Promise<Response>) => (await response).text();
  const answers = [
    await json(fetch(kUrl, init("plain"))),
    await json(fetch(new Request(kUrl, init("request")))),
    await json(fetch(`${endpoint.openai}/chat/completions`, init("named"))),
  ] as { choices: { message: { content: string } }[] }[];
  const unknown = `http://agentlightning.invalid/rollout/nobody/attempt/1/v1/chat/completions`;
  return {
    answers: answers.map(({ choices }) => choices[0]?.message.content),
    streamed: (await text(fetch(kUrl, init("stream")))).match(/"content":"[ab]"/g),
    unknown: (await fetch(unknown, init("x"))).status,
    real: await text(unrouted(() => fetch(`${origin}/v1/chat/completions`, init("x")))),
  };
});
console.log(JSON.stringify({ ...seen, isPast: isAnsweredInFetch(), isRestored: globalThis.fetch === own }));
