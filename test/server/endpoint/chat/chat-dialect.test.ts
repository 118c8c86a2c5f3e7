import { type DialectClient, dialectLaws, type Said, type Turn, type Wire } from "../dialect-laws.js";

const kTool = {
  type: "function",
  function: {
    name: "add",
    parameters: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  },
};

function toMessage(turn: Turn): Wire {
  if ("user" in turn) return { role: "user", content: turn.user };
  if ("answer" in turn) return turn.answer.choices[0].message;
  return { role: "tool", tool_call_id: turn.call.id, content: turn.result };
}

function toSaid(id: string, choice: Wire, usage: Wire): Said {
  const calls = (choice.message.tool_calls ?? []).map(({ id, function: called }: Wire) => {
    return { id, name: called.name, arguments: JSON.parse(called.arguments) };
  });
  return {
    ...{ id, text: choice.message.content ?? "", calls, stop: choice.finish_reason },
    usage: { input: usage.prompt_tokens, output: usage.completion_tokens },
  };
}

const client: DialectClient = {
  name: "openai.chat.completion",
  path: () => "/v1/chat/completions",
  body: ({ system, turns, hasTools, stop, maxTokens, stream }) => ({
    model: "m",
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      ...turns.map(toMessage),
    ],
    ...(hasTools ? { tools: [kTool] } : {}),
    ...(stop === undefined ? {} : { stop }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
  }),
  read: ({ id, choices, usage }) => toSaid(id, choices[0], usage),
  readStream(text) {
    const events = text.split("\n\n").filter(Boolean);
    if (events.pop() !== "data: [DONE]") throw new Error("the stream did not end with [DONE]");
    const chunks: Wire[] = events.map((event) => JSON.parse(event.replace(/^data: /, "")));
    const usage = chunks.pop()?.usage;
    const message: Wire = { content: "", tool_calls: [] };
    for (const { choices } of chunks) {
      message.content += choices[0].delta.content ?? "";
      for (const { index, ...call } of choices[0].delta.tool_calls ?? []) {
        const known = message.tool_calls[index];
        if (known === undefined) message.tool_calls[index] = call;
        else known.function.arguments += call.function.arguments;
      }
    }
    const finish_reason = chunks.at(-1)?.choices[0].finish_reason;
    return toSaid(chunks[0]?.id, { message, finish_reason }, usage);
  },
  readError({ error }) {
    if (!["invalid_request_error", "server_error"].includes(error.type))
      throw new Error(`type ${error.type}`);
    return error.message;
  },
  readStreamError: (text) =>
    JSON.parse(
      text
        .split("\n\n")
        .filter(Boolean)
        .at(-1)
        ?.replace(/^data: /, "") ?? "",
    ).error.message,
};

dialectLaws(client);
