// Anthropic's package.
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";

// docs: @anthropic-ai/sdk
const client = new Anthropic();

async function ask(question) {
  return await client.messages.create({
    max_tokens: 1024,
    messages: [{ role: "user", content: question }],
    model: "claude-sonnet-4-5",
  });
}
// end

const tools = [
  {
    name: "get_weather",
    description: "Get the current weather in a given location",
    input_schema: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  },
];
const model = "claude-sonnet-4-5";

async function stream(content) {
  const events = await client.messages.create({
    ...{ max_tokens: 1024, model, messages: [{ role: "user", content }] },
    stream: true,
  });
  const all = [];
  for await (const event of events) all.push(event);
  const pieces = all.filter(({ type }) => type === "content_block_delta").map(({ delta }) => delta.text);
  return { id: all[0].message.id, pieces, text: pieces.join("") };
}

async function streamHelper(content) {
  const pieces = [];
  const events = client.messages
    .stream({ max_tokens: 1024, model, messages: [{ role: "user", content }] })
    .on("text", (piece) => pieces.push(piece));
  const message = await events.finalMessage();
  return { id: message.id, pieces, text: message.content[0].text };
}

async function withTools(question) {
  const messages = [{ role: "user", content: question }];
  const first = await client.messages.create({ max_tokens: 1024, model, messages, tools });
  const use = first.content.find(({ type }) => type === "tool_use");
  messages.push({ role: "assistant", content: first.content });
  messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "sunny" }] });
  return [first, await client.messages.create({ max_tokens: 1024, model, messages, tools })];
}

async function runTools(content) {
  const runner = client.beta.messages.toolRunner({
    ...{ max_tokens: 1024, model, messages: [{ role: "user", content }] },
    tools: [
      betaZodTool({
        name: "getWeather",
        description: "Get the weather at a specific location",
        inputSchema: z.object({ location: z.string() }),
        run: ({ location }) => `The weather in ${location} is sunny`,
      }),
    ],
  });
  const answers = [];
  for await (const message of runner) answers.push(message);
  return answers;
}

async function extract(content) {
  return await client.messages.create({
    ...{ max_tokens: 1024, model, messages: [{ role: "user", content }] },
    output_config: { format: { type: "json_schema", schema: z.toJSONSchema(person) } },
  });
}

const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});
const handedAll = (messages) => messages.map(({ id }) => ({ id }));
const dialect = "anthropic.message";

export const scenarios = [
  { name: "messages", agent: ask, handed: ({ id }) => [{ id }], dialect },
  { name: "messages, streamed", agent: stream, handed: (answer) => [answer], dialect },
  { name: "messages, .stream()", agent: streamHelper, handed: (answer) => [answer], dialect },
  {
    name: "messages, tools",
    ...{ agent: withTools, tools: { get_weather: { location: "Paris" } }, handed: handedAll, dialect },
  },
  {
    name: "beta messages, toolRunner",
    ...{ agent: runTools, tools: { getWeather: { location: "Paris" } }, handed: handedAll, dialect },
  },
  {
    name: "messages, structured output",
    agent: extract,
    value: ({ content }) => person.parse(JSON.parse(content[0].text)),
    handed: ({ id }) => [{ id }],
    dialect,
  },
];
