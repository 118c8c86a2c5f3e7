// Server-sent events of a response, in the order in which OpenAI sends them: items one after the other, each from `added` to `done`.
import { kEventStream } from "../answer-stream.js";
import type { CallHead, Frames } from "../dialect.js";
import type { ItemMemory } from "../item-memory.js";
import type { ItemEvent } from "./item-kinds.js";
import { createOutputItems } from "./output-items.js";
import { begunResponse, finishedResponse } from "./response-answer.js";

export function createResponseFrames(call: CallHead, memory: ItemMemory): Frames {
  const output = createOutputItems(memory);
  let sequence = 0;
  const frame = (type: string, fields: string): string =>
    `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequence++},${fields}}\n\n`;
  // Types need no escapes, and stand first.
  const write = (event: ItemEvent): string =>
    frame(event.type, JSON.stringify(event).slice(event.type.length + kTypeLength, -1));
  return {
    contentType: kEventStream,
    open() {
      const response = `"response":${JSON.stringify(begunResponse(call))}`;
      return [frame("response.created", response), frame("response.in_progress", response)];
    },
    piece: (piece) => output.push(piece).map(write),
    close(result) {
      const response = finishedResponse(result, memory, output.items());
      return [write({ type: `response.${response.status}`, response })];
    },
    fail: ({ message, field, code }) => [
      write({ type: "error", code: code ?? "server_error", message, param: field }),
    ],
  };
}

// --- internal ---

/** Of what an event's JSON begins with, its type left out: `{"type":"",`. */
const kTypeLength = '{"type":"",'.length;
