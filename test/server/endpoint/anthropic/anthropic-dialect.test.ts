import { type DialectClient, dialectLaws, type Said, type Turn, type Wire } from "../dialect-laws.js";

const kNumbers = { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } };
const kStops: Readonly<Record<string, Said["stop"]>> = {
  ...{ end_turn: "stop", stop_sequence: "stop", max_tokens: "length", tool_use: "tool_calls" },
};

function toMessage(turn: Turn): Wire {
  if ("user" in turn) return { role: "user", content: turn.user };
  if ("answer" in turn) return { role: "assistant", content: turn.answer.content };
  return {
    role: "user",
    content: [{ type: "tool_result", tool_use_id: turn.call.id, content: turn.result }],
  };
}

function toSaid({ id, type, role, content, stop_reason, usage }: Wire): Said {
  if (type !== "message" || role !== "assistant") throw new Error(`type ${type}, role ${role}`);
  const stop = kStops[stop_reason];
  if (stop === undefined) throw new Error(`stop reason ${stop_reason}`);
  const of = (kind: string) => content.filter((block: Wire) => block.type === kind);
  return {
    ...{
      id,
      stop,
      text: of("text")
        .map((block: Wire) => block.text)
        .join(""),
    },
    calls: of("tool_use").map(({ id, name, input }: Wire) => ({ id, name, arguments: input })),
    usage: { input: usage.input_tokens, output: usage.output_tokens },
  };
}

/** As Anthropic's own client does: each event by its name, each block from its start to its stop. */
function accumulate(text: string): Wire {
  let message: Wire;
  let isOpen = false;
  let json = "";
  for (const frame of text.split("\n\n").filter(Boolean)) {
    const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
    const event: Wire = JSON.parse(data ?? "");
    if (event.type !== name) throw new Error(`event ${name} of type ${event.type}`);
    const block = message?.content[event.index];
    switch (name) {
      case "message_start":
        message = event.message;
        break;
      case "content_block_start":
        if (isOpen || event.index !== message.content.length) throw new Error(`block ${event.index} begins`);
        [isOpen, json] = [true, ""];
        message.content.push(event.content_block);
        break;
      case "content_block_delta":
        if (!isOpen || block === undefined) throw new Error(`a delta of block ${event.index}`);
        if (event.delta.type === "text_delta") block.text += event.delta.text;
        else if (event.delta.type === "thinking_delta") block.thinking += event.delta.thinking;
        else if (event.delta.type === "signature_delta") block.signature = event.delta.signature;
        else json += event.delta.partial_json;
        break;
      case "content_block_stop":
        if (!isOpen) throw new Error(`block ${event.index} ends`);
        isOpen = false;
        if (block.type === "tool_use" && json !== "") block.input = JSON.parse(json);
        break;
      case "message_delta":
        Object.assign(message, event.delta);
        Object.assign(message.usage, event.usage);
        break;
      case "message_stop":
        return message;
      default:
        throw new Error(`event ${name}`);
    }
  }
  throw new Error("the stream did not end with message_stop");
}

export const anthropicClient: DialectClient = {
  name: "anthropic.message",
  path: () => "/v1/messages?beta=true",
  body: ({ system, turns, hasTools, stop, maxTokens, stream }) => ({
    ...{ model: "m", max_tokens: maxTokens ?? 64 },
    ...(system === undefined ? {} : { system }),
    messages: turns.map(toMessage),
    ...(hasTools ? { tools: [{ name: "add", description: "Adds.", input_schema: kNumbers }] } : {}),
    ...(stop === undefined ? {} : { stop_sequences: [stop] }),
    ...(stream ? { stream } : {}),
  }),
  read: toSaid,
  readStream: (text) => toSaid(accumulate(text)),
  readError({ type, error }) {
    if (type !== "error" || !["invalid_request_error", "api_error"].includes(error.type))
      throw new Error(`type ${error.type}`);
    return error.message;
  },
  readStreamError(text) {
    const [, data] =
      /^event: error\ndata: (.*)$/s.exec(text.split("\n\n").filter(Boolean).at(-1) ?? "") ?? [];
    return JSON.parse(data ?? "").error.message;
  },
};

dialectLaws(anthropicClient);
