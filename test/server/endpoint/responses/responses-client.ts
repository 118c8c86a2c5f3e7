// How a client of OpenAI's Responses asks and reads, for the laws.
import type { DialectClient, Said, Turn, Wire } from "../dialect-laws.js";

const kTool = {
  type: "function",
  name: "add",
  parameters: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  strict: true,
};

function toItems(turn: Turn): Wire[] {
  if ("user" in turn) return [{ role: "user", content: turn.user }];
  if ("answer" in turn) return turn.answer.output;
  return [{ type: "function_call_output", call_id: turn.call.id, output: turn.result }];
}

function toSaid({ id, object, status, incomplete_details, output, usage }: Wire): Said {
  if (object !== "response") throw new Error(`object ${object}`);
  const isCut = status === "incomplete" && incomplete_details.reason === "max_output_tokens";
  const calls = output
    .filter(({ type }: Wire) => type === "function_call")
    .map(({ call_id, name, arguments: args }: Wire) => ({ id: call_id, name, arguments: JSON.parse(args) }));
  const texts = output
    .filter(({ type }: Wire) => type === "message")
    .map(({ content }: Wire) => content[0].text);
  return {
    ...{ id, text: texts.join(""), calls },
    stop: isCut ? "length" : calls.length > 0 ? "tool_calls" : "stop",
    usage: { input: usage.input_tokens, output: usage.output_tokens },
  };
}

/** The events in order, each with its line `event:`. */
export function readEvents(text: string): Wire[] {
  const events = text
    .split("\n\n")
    .filter(Boolean)
    .map((event) => /^event: (\S+)\ndata: ([^\n]*)$/.exec(event));
  return events.map((event, i) => {
    const data = JSON.parse(event?.[2] ?? "");
    if (data.type !== event?.[1] || data.sequence_number !== i) throw new Error(`event ${i}: ${event?.[0]}`);
    return data;
  });
}

/** As the openai package gathers a response from its events. */
function gathered(events: readonly Wire[]): Wire {
  const output: Wire[] = [];
  for (const event of events) {
    const item = output[event.output_index];
    if (event.type === "response.output_item.added") output[event.output_index] = structuredClone(event.item);
    if (event.type === "response.content_part.added") item.content.push({ ...event.part });
    if (event.type === "response.output_text.delta") item.content[event.content_index].text += event.delta;
    if (event.type === "response.reasoning_summary_part.added") item.summary.push({ ...event.part });
    if (event.type === "response.reasoning_summary_text.delta")
      item.summary[event.summary_index].text += event.delta;
    if (event.type === "response.function_call_arguments.delta") item.arguments += event.delta;
    if (event.type === "response.output_item.done") output[event.output_index].status = event.item.status;
  }
  return output;
}

export const client: DialectClient = {
  name: "openai.response",
  hasNoStop: true,
  path: () => "/v1/responses",
  body: ({ system, turns, hasTools, maxTokens, stream }) => ({
    model: "m",
    ...(system === undefined ? {} : { instructions: system }),
    input: turns.flatMap(toItems),
    ...(hasTools ? { tools: [kTool] } : {}),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...(stream ? { stream } : {}),
  }),
  read: toSaid,
  readStream(text) {
    const events = readEvents(text);
    const last = events.at(-1);
    if (last?.type !== `response.${last?.response.status}`)
      throw new Error(`the last event is ${last?.type}`);
    const output = gathered(events);
    if (JSON.stringify(output) !== JSON.stringify(last.response.output))
      throw new Error("the events say something else");
    return toSaid({ ...last.response, output });
  },
  readError({ error }) {
    if (!["invalid_request_error", "server_error"].includes(error.type))
      throw new Error(`type ${error.type}`);
    return error.message;
  },
  readStreamError(text) {
    const last = readEvents(text).at(-1);
    if (last?.type !== "error") throw new Error(`the last event is ${last?.type}`);
    return last.message;
  },
};
