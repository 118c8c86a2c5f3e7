// The items of a response's output, and the events in which each comes.
import type { CallPiece } from "../dialect.js";
import type { Item } from "./response-memory.js";

/** An item of the output while it is made. */
export interface OpenItem {
  readonly id: string;
  /** In the output. */
  readonly index: number;
  /** Of a call. */
  readonly call: Pick<CallPiece, "id" | "name" | "index"> | undefined;
  text: string;
}

export interface ItemEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface ItemKind {
  /** Its ids begin with it. */
  readonly prefix: string;
  item(open: OpenItem, isCut: boolean): Item;
  begin(open: OpenItem): ItemEvent[];
  more(open: OpenItem, text: string): ItemEvent[];
  end(open: OpenItem, item: Item): ItemEvent[];
}

export const kItemKinds: Readonly<Record<"thought" | "text" | "call", ItemKind>> = {
  thought: {
    prefix: "rs_",
    item: ({ id, text }) => ({ id, type: "reasoning", summary: [summaryOf(text)], encrypted_content: null }),
    begin: (open) => [
      added(open, { id: open.id, type: "reasoning", summary: [], encrypted_content: null }),
      { type: "response.reasoning_summary_part.added", ...summaryPlace(open), part: summaryOf("") },
    ],
    more: (open, delta) => [{ type: "response.reasoning_summary_text.delta", ...summaryPlace(open), delta }],
    end: (open, item) => [
      { type: "response.reasoning_summary_text.done", ...summaryPlace(open), text: open.text },
      { type: "response.reasoning_summary_part.done", ...summaryPlace(open), part: summaryOf(open.text) },
      done(open, item),
    ],
  },
  text: {
    prefix: "msg_",
    item: ({ id, text }, isCut) => ({
      ...messageOf(id, isCut ? "incomplete" : "completed"),
      content: [partOf(text)],
    }),
    begin: (open) => [
      added(open, { ...messageOf(open.id, "in_progress"), content: [] }),
      { type: "response.content_part.added", ...partPlace(open), part: partOf("") },
    ],
    more: (open, delta) => [{ type: "response.output_text.delta", ...partPlace(open), delta, logprobs: [] }],
    end: (open, item) => [
      { type: "response.output_text.done", ...partPlace(open), text: open.text, logprobs: [] },
      { type: "response.content_part.done", ...partPlace(open), part: partOf(open.text) },
      done(open, item),
    ],
  },
  call: {
    prefix: "fc_",
    item: (open) => callOf(open, "completed", open.text),
    begin: (open) => [added(open, callOf(open, "in_progress", ""))],
    more: (open, delta) => [{ type: "response.function_call_arguments.delta", ...placeOf(open), delta }],
    end: (open, item) => [
      {
        type: "response.function_call_arguments.done",
        ...placeOf(open),
        ...{ name: open.call?.name, arguments: open.text },
      },
      done(open, item),
    ],
  },
};

// --- internal ---

function placeOf({ id, index }: OpenItem) {
  return { item_id: id, output_index: index };
}

function partPlace(open: OpenItem) {
  return { ...placeOf(open), content_index: 0 };
}

function summaryPlace(open: OpenItem) {
  return { ...placeOf(open), summary_index: 0 };
}

function added({ index }: OpenItem, item: Item): ItemEvent {
  return { type: "response.output_item.added", output_index: index, item };
}

function done({ index }: OpenItem, item: Item): ItemEvent {
  return { type: "response.output_item.done", output_index: index, item };
}

function partOf(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function summaryOf(text: string) {
  return { type: "summary_text", text };
}

function messageOf(id: string, status: string) {
  return { id, type: "message", status, role: "assistant" };
}

function callOf({ id, call }: OpenItem, status: string, args: string) {
  return { id, type: "function_call", status, call_id: call?.id, name: call?.name, arguments: args };
}
