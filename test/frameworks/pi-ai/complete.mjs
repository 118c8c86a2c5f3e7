// pi-ai: one interface over the providers' own; it always streams.
import { complete, getModel, stream, Type } from "@mariozechner/pi-ai";

// docs: @mariozechner/pi-ai
async function ask(question) {
  const context = {
    systemPrompt: "You are a helpful assistant.",
    messages: [{ role: "user", content: question }],
  };
  return await complete(getModel("openai", "gpt-4o-mini"), context);
}
// end

const time = {
  name: "get_time",
  description: "Get the current time",
  parameters: Type.Object({ timezone: Type.Optional(Type.String()) }),
};

async function streamed(model, content) {
  const events = stream(model, { messages: [{ role: "user", content }] });
  const pieces = [];
  for await (const event of events) if (event.type === "text_delta") pieces.push(event.delta);
  return Object.assign(await events.result(), { pieces });
}

async function withTools(model, content) {
  const context = { messages: [{ role: "user", content }], tools: [time] };
  const first = await complete(model, context);
  context.messages.push(first);
  for (const call of first.content.filter(({ type }) => type === "toolCall"))
    context.messages.push({
      ...{ role: "toolResult", toolCallId: call.id, toolName: call.name, isError: false },
      ...{ content: [{ type: "text", text: "12:00" }], timestamp: 0 },
    });
  return [first, await complete(model, context)];
}

/** Failures are handed out, not thrown. */
function handed({ responseId: id, content, pieces, stopReason, errorMessage }) {
  if (stopReason === "error") throw new Error(errorMessage);
  return [{ id, ...(pieces ? { pieces, text: content.map(({ text }) => text).join("") } : {}) }];
}

const models = [
  ["openai", "gpt-4o-mini", "openai.response"],
  ["groq", "llama-3.3-70b-versatile", "openai.chat.completion"],
  ["openrouter", "openai/gpt-4o-mini", "openai.chat.completion"],
  ["mistral", "devstral-medium-latest", "openai.chat.completion"],
  ["anthropic", "claude-sonnet-4-5", "anthropic.message"],
  ["google", "gemini-2.5-flash", "google.generate_content"],
];
for (const [provider] of models) process.env[`${provider.toUpperCase()}_API_KEY`] ??= "none";

export const scenarios = [
  { name: "the documentation's first example", agent: ask, handed },
  ...models.flatMap(([provider, id, dialect]) => {
    const model = getModel(provider, id);
    return [
      { name: `stream, ${provider}`, agent: (question) => streamed(model, question), handed, dialect },
      {
        name: `tools, ${provider}`,
        agent: (question) => withTools(model, question),
        tools: { get_time: { timezone: "UTC" } },
        handed: (answers) => answers.flatMap(handed),
        dialect,
      },
    ];
  }),
];
