// LangChain and LangGraph: a model by its name (the Responses API), ChatOpenAI (chat completions), agents and graphs.

import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, providerStrategy, tool, toolStrategy } from "langchain";
import { z } from "zod";

// docs: langchain
const getWeather = tool((input) => `It's always sunny in ${input.city}!`, {
  name: "get_weather",
  description: "Get the weather for a given city",
  schema: z.object({ city: z.string().describe("The city to get the weather for") }),
});

const agent = createAgent({ model: "openai:gpt-5.2", tools: [getWeather] });

async function ask(question) {
  return await agent.invoke({ messages: [{ role: "user", content: question }] });
}
// end

const tools = { get_weather: { city: "San Francisco" } };
const chat = new ChatOpenAI({ model: "gpt-5.2" });
/** A queue that all rollouts share. */
const queued = new ChatOpenAI({ model: "gpt-5.2", maxConcurrency: 4 });
const getNothing = tool(
  () => {
    throw new Error("no weather today");
  },
  { name: "get_weather", description: "Get the weather", schema: z.object({ city: z.string() }) },
);
const named = createAgent({ model: "openai:gpt-5.2", tools: [getNothing], name: "forecaster" });
const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});
const idOf = (message) => ({ id: message.response_metadata?.id ?? message.id });
const handedMessages = ({ messages }) => messages.filter((message) => message.getType() === "ai").map(idOf);

async function stream(question) {
  const chunks = [];
  for await (const chunk of await chat.stream(question)) chunks.push(chunk);
  const pieces = chunks.map(({ text }) => text);
  return { id: chunks[0].id, pieces, text: chunks.reduce((whole, chunk) => whole.concat(chunk)).text };
}

const State = Annotation.Root({ question: Annotation(), draft: Annotation(), answer: Annotation() });
const graph = new StateGraph(State)
  .addNode("write", async ({ question }) => ({ draft: await chat.invoke(question) }))
  .addNode("review", async ({ draft }) => ({ answer: await chat.invoke(`Improve: ${draft.text}`) }))
  .addEdge(START, "write")
  .addEdge("write", "review")
  .addEdge("review", END)
  .compile();

const react = createReactAgent({ llm: chat, tools: [getWeather] });
const chatAgent = createAgent({ model: chat, tools: [getWeather] });
const structured = (strategy) => createAgent({ model: chat, tools: [], responseFormat: strategy(person) });

/** Its structured output with the message it came from. */
function extractBy(method) {
  const model = chat.withStructuredOutput(person, { method, includeRaw: true, name: "extract" });
  return {
    name: `withStructuredOutput, ${method}`,
    agent: (question) => model.invoke(question),
    value: ({ parsed, raw }) => (method === "jsonMode" ? JSON.parse(raw.text) : person.parse(parsed)),
    handed: ({ raw }) => [idOf(raw)],
  };
}

export const scenarios = [
  {
    name: "the documentation's first example",
    agent: ask,
    tools,
    handed: handedMessages,
    dialect: "openai.response",
  },
  { name: "ChatOpenAI", agent: (question) => chat.invoke(question), handed: (message) => [idOf(message)] },
  {
    name: "ChatOpenAI with maxConcurrency, shared by all rollouts",
    agent: (question) => queued.invoke(question),
    handed: (message) => [idOf(message)],
  },
  {
    name: "an agent with a name and a tool that fails",
    agent: (question) => named.invoke({ messages: [{ role: "user", content: question }] }),
    tools,
    agents: ["forecaster"],
    toolSpans: { get_weather: "ERROR" },
    handed: handedMessages,
  },
  { name: "ChatOpenAI, streamed", agent: stream, handed: (answer) => [answer] },
  {
    name: "ChatOpenAI, batch",
    agent: (question) => chat.batch([question, `${question} Quickly.`]),
    times: 1,
    handed: (messages) => messages.map(idOf),
  },
  {
    name: "createAgent with ChatOpenAI",
    agent: (question) => chatAgent.invoke({ messages: [{ role: "user", content: question }] }),
    tools,
    handed: handedMessages,
  },
  {
    name: "LangGraph's createReactAgent",
    agent: (question) => react.invoke({ messages: [{ role: "user", content: question }] }),
    tools,
    handed: handedMessages,
  },
  {
    name: "a LangGraph of two nodes",
    agent: (question) => graph.invoke({ question }),
    agents: ["write", "review"],
    times: 1,
    handed: ({ draft, answer }) => [idOf(draft), idOf(answer)],
  },
  ...["jsonSchema", "functionCalling", "jsonMode"].map(extractBy),
  ...[providerStrategy, toolStrategy].map((strategy) => ({
    name: `createAgent, ${strategy.name}`,
    // Several calls in an answer are one too many.
    mayAskAgain: strategy === toolStrategy,
    agent: (question) => structured(strategy).invoke({ messages: [{ role: "user", content: question }] }),
    value: ({ structuredResponse }) => person.parse(structuredResponse),
    handed: handedMessages,
  })),
];
