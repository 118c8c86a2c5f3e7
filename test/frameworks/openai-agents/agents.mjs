// OpenAI Agents: by default the Responses API, and chat completions.
import { Agent, handoff, OpenAIChatCompletionsModel, run, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

// docs: @openai/agents
const agent = new Agent({
  name: "Assistant",
  instructions: "You are a helpful assistant",
});

async function ask(question) {
  return await run(agent, question);
}
// end

const getWeather = tool({
  name: "get_weather",
  description: "Get the weather for a given city",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `The weather in ${city} is sunny`,
});
const getNothing = tool({
  name: "get_weather",
  description: "Get the weather for a given city",
  parameters: z.object({ city: z.string() }),
  execute: async () => {
    throw new Error("no weather today");
  },
});
const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});

async function stream(of, question) {
  const result = await run(of, question, { stream: true });
  const pieces = [];
  for await (const piece of result.toTextStream()) pieces.push(piece);
  await result.completed;
  return Object.assign(result, { pieces });
}

const handed = ({ rawResponses, finalOutput, pieces }) =>
  rawResponses.map(({ responseId: id }) => ({ id, ...(pieces ? { pieces, text: finalOutput } : {}) }));

/** The same examples by each way to a model. */
function scenariosOf(name, more, dialect) {
  const instructions = "You are a helpful assistant";
  const plain = new Agent({ name: "Assistant", instructions, ...more });
  const weather = new Agent({ name: "Weather agent", instructions, tools: [getWeather], ...more });
  const failing = new Agent({ name: "Failing agent", instructions, tools: [getNothing], ...more });
  const typed = new Agent({ name: "Extractor", instructions, outputType: person, ...more });
  const other = new Agent({ name: "Other", instructions, ...more });
  const triage = new Agent({ name: "Triage", instructions, handoffs: [handoff(other)], ...more });
  return [
    { name: `run, ${name}`, dialect, agent: (question) => run(plain, question), handed },
    { name: `streamed, ${name}`, dialect, agent: (question) => stream(plain, question), handed },
    {
      name: `tools, ${name}`,
      dialect,
      agent: (question) => run(weather, question),
      tools: { get_weather: { city: "San Francisco" } },
      agents: ["Weather agent"],
      toolSpans: { get_weather: "OK" },
      handed,
    },
    {
      name: `a tool that fails, ${name}`,
      dialect,
      agent: (question) => run(failing, question),
      tools: { get_weather: { city: "San Francisco" } },
      agents: ["Failing agent"],
      toolSpans: { get_weather: "ERROR" },
      handed,
    },
    {
      name: `outputType, ${name}`,
      dialect,
      agent: (question) => run(typed, question),
      value: ({ finalOutput }) => person.parse(finalOutput),
      handed,
    },
    {
      name: `handoff, ${name}`,
      dialect,
      agent: (question) => run(triage, question),
      tools: { transfer_to_Other: {} },
      agents: ["Triage", "Other"],
      toolSpans: { handoff: "OK" },
      continues: false,
      handed,
    },
  ];
}

const chat = new OpenAIChatCompletionsModel(new OpenAI(), "gpt-5.2");

export const scenarios = [
  { name: "the documentation's first example", agent: ask, handed },
  ...scenariosOf("responses", { model: "gpt-5.2" }, "openai.response"),
  ...scenariosOf("chat completions", { model: chat }, "openai.chat.completion"),
];
