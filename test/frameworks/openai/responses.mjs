// The openai package: the Responses API, completions, structured output, Azure.
import OpenAI, { AzureOpenAI } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const azure = new AzureOpenAI({ endpoint: "https://example.openai.azure.com", apiVersion: "2024-10-21" });
const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});
const weather = {
  type: "function",
  name: "get_weather",
  description: "Get current temperature for a given location.",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  strict: false,
};

// docs: openai responses
const client = new OpenAI();

async function ask(question) {
  return await client.responses.create({
    model: "gpt-5.2",
    instructions: "You are a coding assistant that talks like a pirate",
    input: question,
  });
}
// end

async function stream(question) {
  const events = await client.responses.create({ model: "gpt-5.2", input: question, stream: true });
  const pieces = [];
  for await (const event of events) {
    if (event.type === "response.output_text.delta") pieces.push(event.delta);
    if (event.type === "response.completed")
      return { ...event.response, text: textOf(event.response), pieces };
  }
  throw new Error("the stream ended without its response");
}

async function streamHelper(question) {
  const pieces = [];
  const events = client.responses.stream({ model: "gpt-5.2", input: question });
  events.on("response.output_text.delta", ({ delta }) => pieces.push(delta));
  const response = await events.finalResponse();
  return { id: response.id, text: response.output_text, pieces };
}

async function withTools(question, followUp) {
  const first = await client.responses.create({ model: "gpt-5.2", input: question, tools: [weather] });
  const [call] = first.output.filter(({ type }) => type === "function_call");
  const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
  const second = await client.responses.create({
    ...{ model: "gpt-5.2", tools: [weather] },
    ...followUp(first, { role: "user", content: question }, output),
  });
  return [first, second];
}

const textOf = ({ output }) => output[0].content[0].text;
const handed = ({ id, text, pieces }) => [{ id, ...(pieces ? { text, pieces } : {}) }];
const dialect = "openai.response";
const tools = { get_weather: { location: "Paris" } };

export const scenarios = [
  { name: "responses", agent: ask, handed, dialect },
  { name: "responses, streamed", agent: stream, handed, dialect },
  { name: "responses, .stream()", agent: streamHelper, handed, dialect },
  {
    name: "responses, tools by their items",
    agent: (question) =>
      withTools(question, (first, user, output) => ({ input: [user, ...first.output, output] })),
    ...{ tools, handed: (responses) => responses.flatMap(handed), dialect },
  },
  {
    name: "responses, tools by previous_response_id",
    agent: (question) =>
      withTools(question, ({ id }, _, output) => ({ previous_response_id: id, input: [output] })),
    ...{ tools, handed: (responses) => responses.flatMap(handed), dialect },
  },
  {
    name: "responses, .parse()",
    agent: (input) =>
      client.responses.parse({ model: "gpt-5.2", input, text: { format: zodTextFormat(person, "person") } }),
    value: ({ output_parsed }) => person.parse(output_parsed),
    ...{ handed, dialect },
  },
  {
    name: "chat completions, .parse()",
    agent: (content) =>
      client.chat.completions.parse({
        model: "gpt-5.2",
        messages: [{ role: "user", content }],
        response_format: zodResponseFormat(person, "person"),
      }),
    value: ({ choices }) => person.parse(choices[0].message.parsed),
    handed,
  },
  {
    name: "completions",
    agent: (prompt) => client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt, max_tokens: 32 }),
    ...{ handed, dialect: "openai.completion" },
  },
  {
    name: "AzureOpenAI",
    agent: (content) =>
      azure.chat.completions.create({ model: "gpt-5.2", messages: [{ role: "user", content }] }),
    handed,
  },
];
