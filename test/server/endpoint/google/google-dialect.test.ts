import { type DialectClient, dialectLaws, type Said, type Turn, type Wire } from "../dialect-laws.js";

const kAdd = {
  ...{ name: "add", description: "Adds." },
  parameters: { type: "OBJECT", properties: { a: { type: "NUMBER" }, b: { type: "NUMBER" } } },
};

function toContent(turn: Turn): Wire {
  if ("user" in turn) return { role: "user", parts: [{ text: turn.user }] };
  if ("answer" in turn) return turn.answer.candidates[0].content;
  const { name } = turn.call;
  return { role: "user", parts: [{ functionResponse: { name, response: { result: turn.result } } }] };
}

/** Of an answer or, joined, of the pieces of one. */
function toSaid(bodies: readonly Wire[]): Said {
  const parts = bodies.flatMap(({ candidates }) => candidates[0].content.parts);
  const last = bodies.at(-1);
  const calls = parts.flatMap(({ functionCall: call }: Wire) => {
    return call ? [{ id: call.id, name: call.name, arguments: call.args }] : [];
  });
  const stops: Readonly<Record<string, Said["stop"]>> = { STOP: "stop", MAX_TOKENS: "length" };
  const stop = stops[last.candidates[0].finishReason];
  if (stop === undefined) throw new Error(`finish reason ${last.candidates[0].finishReason}`);
  const { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount } = last.usageMetadata;
  if (totalTokenCount !== input + output) throw new Error(`${totalTokenCount} tokens in all`);
  return {
    ...{ id: last.responseId, calls, usage: { input, output } },
    text: parts.map(({ text, thought }: Wire) => (thought ? "" : (text ?? ""))).join(""),
    // This wire has no word of its own for an answer that ends with a call.
    stop: stop === "stop" && calls.length > 0 ? "tool_calls" : stop,
  };
}

function client(isSse: boolean): DialectClient {
  const bodiesOf = (text: string): Wire[] => {
    if (!isSse) return JSON.parse(text);
    const frames = text.split("\r\n\r\n").filter(Boolean);
    return frames.map((frame) => JSON.parse(frame.replace(/^data: /, "")));
  };
  return {
    name: "google.generate_content",
    path: ({ stream }) => {
      const model = "/v1beta/models/gemini-m";
      return stream ? `${model}:streamGenerateContent${isSse ? "?alt=sse" : ""}` : `${model}:generateContent`;
    },
    body: ({ system, turns, hasTools, stop, maxTokens }) => ({
      contents: turns.map(toContent),
      ...(system === undefined ? {} : { systemInstruction: { parts: [{ text: system }], role: "user" } }),
      ...(hasTools ? { tools: [{ functionDeclarations: [kAdd] }] } : {}),
      generationConfig: {
        ...(stop === undefined ? {} : { stopSequences: [stop] }),
        ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
      },
    }),
    read: (body) => toSaid([body]),
    readStream: (text) => toSaid(bodiesOf(text)),
    readError({ error }) {
      if (typeof error.code !== "number" || !["INVALID_ARGUMENT", "INTERNAL"].includes(error.status))
        throw new Error(`status ${error.status}`);
      return error.message;
    },
    readStreamError: (text) => bodiesOf(text).at(-1).error.message,
  };
}

dialectLaws(client(true));
dialectLaws(client(false));
