// Mastra: models by their names (OpenAI's Responses API, Anthropic's messages), and by an address (chat completions).
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

// docs: @mastra/core
const agent = new Agent({
  id: "weather-agent",
  name: "Weather Agent",
  instructions: "You are a helpful weather assistant.",
  model: "openai/gpt-5.2",
});

async function ask(question) {
  return await agent.generate(question);
}
// end

const weather = createTool({
  id: "weather",
  description: "Get the weather in a location",
  inputSchema: z.object({ location: z.string() }),
  outputSchema: z.object({ temperature: z.number() }),
  execute: async () => ({ temperature: 72 }),
});
// Mastra leaves bounds out of the schemas that it sends to some providers.
const person = z.object({
  name: z.string(),
  age: z.number(),
  kind: z.enum(["cat", "dog"]),
});

async function stream(of, question) {
  const result = await of.stream(question);
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  return { pieces, text: await result.text, id: (await result.response).id };
}

const handed = ({ steps }) => steps.map(({ response: { id } }) => ({ id }));

/** The same examples by each way to a model. */
function scenariosOf(name, model, dialect, options) {
  const instructions = "You are a helpful weather assistant.";
  const plain = new Agent({ id: "plain", name: "Plain", instructions, model });
  const helped = new Agent({ id: "helped", name: "Helped", instructions, model, tools: { weather } });
  return [
    { name: `generate, ${name}`, agent: (question) => plain.generate(question), handed, dialect, options },
    {
      name: `stream, ${name}`,
      agent: (question) => stream(plain, question),
      handed: (answer) => [answer],
      ...{ dialect, options },
    },
    {
      name: `tools, ${name}`,
      agent: (question) => helped.generate(question),
      tools: { weather: { location: "Paris" } },
      agents: ["Helped"],
      ...{ handed, dialect, options },
    },
    {
      name: `structuredOutput, ${name}`,
      agent: (question) => plain.generate(question, { structuredOutput: { schema: person } }),
      value: ({ object }) => person.parse(object),
      ...{ handed, dialect, options },
    },
  ];
}

const own = { id: "custom/model-id", url: "https://api.provider.example/v1", apiKey: "none" };

export const scenarios = [
  { name: "the documentation's first example", agent: ask, handed },
  ...scenariosOf("openai/...", "openai/gpt-5.2", "openai.response"),
  ...scenariosOf("anthropic/...", "anthropic/claude-sonnet-4-5", "anthropic.message"),
  ...scenariosOf("{ id, url }", own, "openai.chat.completion", {
    routes: { hosts: ["api.provider.example"] },
  }),
];
