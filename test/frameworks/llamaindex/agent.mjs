// LlamaIndex: its agent with OpenAI's chat completions.
import { openai } from "@llamaindex/openai";
import { agent } from "@llamaindex/workflow";
import { tool } from "llamaindex";
import { z } from "zod";

// docs: llamaindex
const weatherTool = tool({
  name: "get_weather",
  description: "The weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: ({ city }) => `sunny in ${city}`,
});

async function ask(question) {
  const weatherAgent = agent({ tools: [weatherTool], llm: openai({ model: "gpt-4o-mini" }) });
  return await weatherAgent.run(question);
}
// end

const llm = openai({ model: "gpt-4o-mini" });

async function stream(content) {
  const pieces = [];
  let id;
  for await (const { delta, raw } of await llm.chat({
    messages: [{ role: "user", content }],
    stream: true,
  })) {
    id = raw.id;
    pieces.push(delta);
  }
  return { id, pieces, text: pieces.join("") };
}

export const scenarios = [
  {
    name: "agent",
    agent: ask,
    tools: { get_weather: { city: "Paris" } },
    // It hands out the last answer, not its id; the first says nothing but its call.
    handed: ({ data }) => [{ text: "" }, { text: data.result }],
  },
  {
    name: "chat",
    agent: (content) => llm.chat({ messages: [{ role: "user", content }] }),
    handed: ({ raw }) => [{ id: raw.id }],
  },
  { name: "chat, streamed", agent: stream, handed: (answer) => [answer] },
];
