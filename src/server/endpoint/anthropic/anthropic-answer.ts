// A canonical answer as Anthropic's message, whole or in events. The deltas of each block concatenate to the whole answer's block.
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import { kEventStream } from "../answer-stream.js";
import { argumentsObject } from "../call-arguments.js";
import type { CallHead, CallResult, Frames, Piece } from "../dialect.js";
import type { ItemMemory } from "../item-memory.js";
import { anthropicError } from "./anthropic-failure.js";
import { type AnthropicWire, holdThread } from "./anthropic-thread.js";

/** The unstreamed body. */
export function messageBody(result: CallResult, memory: ItemMemory): Record<string, unknown> {
  const [choice] = result.choices;
  const content = blocksOf(choice);
  holdThread(memory, result.id, result.request.wire as AnthropicWire, content);
  return {
    ...headOf(result),
    content,
    ...endOf(choice),
    usage: { ...kNoCache, ...usageOf(result) },
  };
}

export function createMessageFrames(call: CallHead, memory: ItemMemory): Frames {
  const blocks = createBlocks();
  const pieceOf = (piece: Piece): string[] => {
    switch (piece.kind) {
      case "thought":
        return blocks.put("thinking", kNoThought, { type: "thinking_delta", thinking: piece.text });
      case "text":
        return blocks.put("text", { type: "text", text: "" }, { type: "text_delta", text: piece.text });
      case "call": {
        const { id, name, text, isFirst } = piece;
        const opened = isFirst ? blocks.open("tool_use", { type: "tool_use", id, name, input: {} }) : [];
        const more = text === "" ? [] : [blocks.more({ type: "input_json_delta", partial_json: text })];
        return [...opened, ...more];
      }
      case "end":
        return blocks.close();
    }
  };
  return {
    contentType: kEventStream,
    open: () => {
      const usage = { ...kNoCache, input_tokens: call.promptIds.length, output_tokens: 0 };
      const message = { ...headOf(call), content: [], stop_reason: null, stop_sequence: null, usage };
      return [event({ type: "message_start", message })];
    },
    piece: pieceOf,
    close: (result) => {
      const [choice] = result.choices;
      holdThread(memory, call.id, call.request.wire as AnthropicWire, blocksOf(choice));
      const last = event({ type: "message_delta", delta: endOf(choice), usage: usageOf(result) });
      return [last, event({ type: "message_stop" })];
    },
    fail: (error) => [event(anthropicError(error))],
  };
}

// --- internal ---

type BlockType = "thinking" | "text" | "tool_use";

interface Blocks {
  /** Ends the block that is open. */
  close(): string[];
  /** Begins one, and ends the one before it. */
  open(type: BlockType, content_block: object): string[];
  /** More of the block that is open. */
  more(part: object): string;
  /** More of a block of this type, which is begun where another is open. */
  put(type: BlockType, empty: object, part: object): string[];
}

function createBlocks(): Blocks {
  let block: { readonly index: number; readonly type: BlockType } | undefined;
  let count = 0;
  const close = (): string[] => {
    if (block === undefined) return [];
    const { index, type } = block;
    block = undefined;
    const signed =
      type === "thinking" ? [delta(index, { type: "signature_delta", signature: kSignature })] : [];
    return [...signed, event({ type: "content_block_stop", index })];
  };
  const open = (type: BlockType, content_block: object): string[] => {
    const closed = close();
    block = { index: count++, type };
    return [...closed, event({ type: "content_block_start", index: block.index, content_block })];
  };
  const more = (part: object): string => delta(count - 1, part);
  return {
    ...{ close, open, more },
    put: (type, empty, part) => [...(block?.type === type ? [] : open(type, empty)), more(part)],
  };
}

const kNoCache = { cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
/** Clients send thoughts back only where there is one. */
const kSignature = "agentlightning";
const kNoThought = { type: "thinking", thinking: "", signature: "" };

function event(data: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function delta(index: number, part: object): string {
  return event({ type: "content_block_delta", index, delta: part });
}

function headOf({ id, request }: CallHead) {
  return { id, type: "message", role: "assistant", model: request.model };
}

function blocksOf(choice: AnswerChoice | undefined): object[] {
  if (choice === undefined) return [];
  const { thought, content, toolCalls } = choice;
  return [
    ...(thought ? [{ ...kNoThought, thinking: thought, signature: kSignature }] : []),
    ...(content ? [{ type: "text", text: content }] : []),
    ...toolCalls.map(({ id, function: { name, arguments: args } }) => {
      return { type: "tool_use", id, name, input: argumentsObject(args) };
    }),
  ];
}

function endOf(choice: AnswerChoice | undefined) {
  const stop_sequence = choice?.finishReason === "stop" ? choice.stopString : null;
  const reason = choice === undefined ? "end_turn" : kReasons[choice.finishReason];
  return { stop_reason: stop_sequence === null ? reason : "stop_sequence", stop_sequence };
}

const kReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  aborted: "end_turn",
} as const;

function usageOf({ promptIds, choices }: CallResult) {
  return {
    input_tokens: promptIds.length,
    output_tokens: countAnswerTokens(choices),
  };
}
