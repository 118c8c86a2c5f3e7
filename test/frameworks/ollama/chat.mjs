// The ollama package, and its server's address, which routes.hosts names.
import ollama from "ollama";
import { z } from "zod";

// docs: ollama
async function ask(question) {
  return await ollama.chat({
    model: "llama3.1",
    messages: [{ role: "user", content: question }],
  });
}
// end

const model = "llama3.1";
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather at a location",
    parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  },
};
const person = z.object({
  name: z.string(),
  age: z.number().int().min(0).max(120),
  kind: z.enum(["cat", "dog"]),
});

async function stream(parts, textOf) {
  const pieces = [];
  for await (const part of await parts) pieces.push(textOf(part));
  return { pieces, text: pieces.join("") };
}

async function withTools(content) {
  const messages = [{ role: "user", content }];
  const first = await ollama.chat({ model, messages, tools: [weather] });
  messages.push(first.message);
  messages.push({ role: "tool", content: "sunny", tool_name: first.message.tool_calls[0].function.name });
  return [first, await ollama.chat({ model, messages, tools: [weather] })];
}

const ofUser = (content) => ({ model, messages: [{ role: "user", content }] });
// The protocol has no ids.
const handed = ({ message }) => [{ text: message.content }];
const options = { routes: { hosts: ["127.0.0.1:11434"] } };
const ofChat = { dialect: "ollama.chat", options };
const ofGenerate = { dialect: "ollama.generate", options };

export const scenarios = [
  { name: "chat", agent: ask, handed, ...ofChat },
  {
    name: "chat, streamed",
    agent: (question) =>
      stream(ollama.chat({ ...ofUser(question), stream: true }), (part) => part.message.content),
    handed: (answer) => [answer],
    ...ofChat,
  },
  {
    name: "chat, tools",
    agent: withTools,
    tools: { get_weather: { location: "Paris" } },
    handed: (answers) => answers.flatMap(handed),
    ...ofChat,
  },
  {
    name: "chat, format",
    agent: (question) => ollama.chat({ ...ofUser(question), format: z.toJSONSchema(person) }),
    value: ({ message }) => person.parse(JSON.parse(message.content)),
    handed,
    ...ofChat,
  },
  {
    name: "generate",
    agent: (prompt) => ollama.generate({ model, prompt }),
    handed: ({ response }) => [{ text: response }],
    ...ofGenerate,
  },
  {
    name: "generate, streamed",
    agent: (prompt) => stream(ollama.generate({ model, prompt, stream: true }), (part) => part.response),
    handed: (answer) => [answer],
    ...ofGenerate,
  },
];
