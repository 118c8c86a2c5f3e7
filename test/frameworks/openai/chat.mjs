// The openai package: chat completions.
import OpenAI from "openai";

// docs: openai
const client = new OpenAI();

async function chat(question) {
  return await client.chat.completions.create({
    model: "gpt-5.2",
    messages: [
      { role: "developer", content: "Talk like a pirate." },
      { role: "user", content: question },
    ],
  });
}
// end

async function stream(question) {
  const events = await client.chat.completions.create({
    model: "gpt-5.2",
    messages: [{ role: "user", content: question }],
    stream: true,
  });
  const chunks = [];
  for await (const event of events) chunks.push(event);
  return chunks;
}

async function streamHelper(question) {
  const runner = client.chat.completions.stream({
    model: "gpt-5.2",
    messages: [{ role: "user", content: question }],
  });
  const pieces = [];
  runner.on("content", (piece) => pieces.push(piece));
  return { pieces, completion: await runner.finalChatCompletion() };
}

async function runTools(question) {
  const ids = [];
  const runner = client.chat.completions
    .runTools({
      model: "gpt-5.2",
      messages: [{ role: "user", content: question }],
      tools: [
        {
          type: "function",
          function: {
            name: "getWeather",
            description: "The weather at a location",
            function: async ({ location }) => `sunny in ${location}`,
            parse: JSON.parse,
            parameters: { type: "object", properties: { location: { type: "string" } } },
          },
        },
      ],
    })
    .on("chatCompletion", ({ id }) => ids.push(id));
  await runner.finalContent();
  return ids;
}

export const scenarios = [
  { name: "chat completions", agent: chat, handed: ({ id }) => [{ id }] },
  {
    name: "chat completions, streamed",
    agent: stream,
    handed(chunks) {
      const pieces = chunks.map(({ choices }) => choices[0]?.delta.content ?? "");
      return [{ id: chunks[0].id, pieces, text: pieces.join("") }];
    },
  },
  {
    name: "chat completions, .stream()",
    agent: streamHelper,
    handed: ({ pieces, completion: { id, choices } }) => [{ id, pieces, text: choices[0].message.content }],
  },
  {
    name: "chat completions, .runTools()",
    agent: runTools,
    tools: { getWeather: { location: "San Francisco" } },
    handed: (ids) => ids.map((id) => ({ id })),
  },
];
