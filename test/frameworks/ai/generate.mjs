// The Vercel AI SDK with its OpenAI provider: by default the Responses API, and chat completions; and a model by its name alone, which is
// the gateway's.
import { openai } from "@ai-sdk/openai";
import * as ai from "ai";
import { generateObject, generateText, Output, streamText, tool } from "ai";
import { z } from "zod";

// docs: ai
async function generate(question) {
  return await generateText({
    model: openai("gpt-5.2"),
    instructions: "You are a friendly assistant!",
    prompt: question,
  });
}
// end

const toWeather = (execute) =>
  tool({
    description: "Get the weather in a location",
    inputSchema: z.object({ location: z.string().describe("The location to get the weather for") }),
    execute,
  });

async function withTools(model, question) {
  const telemetry = { functionId: "weather-function" };
  return await generateText({
    model,
    tools: { weather: toWeather(async ({ location }) => ({ location, temperature: 72 })) },
    stopWhen: isStepCount(5),
    prompt: question,
    // Version 6 has it by its earlier name.
    ...{ telemetry, experimental_telemetry: telemetry },
  });
}

// Version 6 has it by its earlier name.
const isStepCount = ai.isStepCount ?? ai.stepCountIs;
const forecaster = new ai.ToolLoopAgent({
  id: "forecaster",
  model: openai("gpt-5.2"),
  stopWhen: isStepCount(5),
  tools: {
    weather: toWeather(async () => {
      throw new Error("no weather today");
    }),
  },
});
const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});

/** By default it is printed. */
function onError({ error }) {
  throw error;
}

async function stream(model, question) {
  const result = streamText({ model, prompt: question, onError });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  return { pieces, text: await result.text, id: (await result.response).id };
}

/** A whole answer of the gateway has no id but the gateway's own. */
const idOf = ({ response, providerMetadata }) => providerMetadata?.gateway?.generationId ?? response.id;
const handedSteps = ({ steps }) => steps.map((step) => ({ id: idOf(step) }));

/** The same examples by each way to a model. */
function scenariosOf(name, model, dialect) {
  return [
    {
      name: `generateText, ${name}`,
      dialect,
      agent: (question) => generateText({ model, prompt: question }),
      handed: handedSteps,
    },
    {
      name: `streamText, ${name}`,
      dialect,
      agent: (question) => stream(model, question),
      handed: (result) => [result],
    },
    {
      name: `tools, ${name}`,
      dialect,
      agent: (question) => withTools(model, question),
      tools: { weather: { location: "San Francisco" } },
      agents: ["weather-function"],
      toolSpans: { weather: "OK" },
      handed: handedSteps,
    },
    {
      name: `Output.object, ${name}`,
      dialect,
      agent: (question) =>
        generateText({ model, output: Output.object({ schema: person }), prompt: question }),
      value: ({ output }) => person.parse(output),
      handed: handedSteps,
    },
    {
      name: `generateObject, ${name}`,
      dialect,
      agent: (question) => generateObject({ model, schema: person, prompt: question }),
      value: ({ object }) => person.parse(object),
      handed: (result) => [{ id: idOf(result) }],
    },
  ];
}

export const scenarios = [
  { name: "the documentation's first example", agent: generate, handed: handedSteps },
  {
    name: "ToolLoopAgent with a tool that fails",
    agent: (prompt) => forecaster.generate({ prompt }),
    tools: { weather: { location: "San Francisco" } },
    agents: ["forecaster"],
    toolSpans: { weather: "ERROR" },
    handed: handedSteps,
  },
  ...scenariosOf("openai(), responses", openai("gpt-5.2"), "openai.response"),
  ...scenariosOf("openai.chat()", openai.chat("gpt-5.2"), "openai.chat.completion"),
  ...scenariosOf("a model's name, the gateway", "openai/gpt-5.2", "vercel.language_model"),
];
