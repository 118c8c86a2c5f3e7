// The Vercel AI SDK with a provider of one's own address, which routes.hosts names.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

// docs: @ai-sdk/openai-compatible
const provider = createOpenAICompatible({
  name: "providerName",
  apiKey: process.env.PROVIDER_API_KEY,
  baseURL: "https://api.provider.example/v1",
});

async function ask(question) {
  return await generateText({ model: provider("model-id"), prompt: question });
}
// end

async function stream(question) {
  const result = streamText({ model: provider("model-id"), prompt: question });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  return { pieces, text: await result.text, id: (await result.response).id };
}

const weather = tool({
  description: "Get the weather in a location",
  inputSchema: z.object({ location: z.string() }),
  execute: async ({ location }) => ({ location, temperature: 72 }),
});
const options = { routes: { hosts: ["api.provider.example"] } };
const handed = ({ steps }) => steps.map(({ response: { id } }) => ({ id }));

export const scenarios = [
  { name: "generateText", agent: ask, handed, options },
  { name: "streamText", agent: stream, handed: (answer) => [answer], options },
  {
    name: "tools",
    agent: (prompt) =>
      generateText({ model: provider("model-id"), prompt, tools: { weather }, stopWhen: isStepCount(5) }),
    ...{ tools: { weather: { location: "Paris" } }, handed, options },
  },
];
