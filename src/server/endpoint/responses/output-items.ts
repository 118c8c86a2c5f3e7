// The items of one answer's output, made from its pieces: whole answers are made as streamed ones are.
import type { AnswerChoice } from "../answer.js";
import type { CallPiece, Piece } from "../dialect.js";
import type { ItemMemory } from "../item-memory.js";
import { type ItemEvent, type ItemKind, kItemKinds, type OpenItem } from "./item-kinds.js";
import type { Item } from "./response-memory.js";

export interface OutputItems {
  /** @returns what has happened by it, items one after the other */
  push(piece: Piece): ItemEvent[];
  /** Those that are complete. */
  items(): readonly Item[];
}

export function createOutputItems(memory: ItemMemory): OutputItems {
  const items: Item[] = [];
  let current: { readonly kind: ItemKind; readonly open: OpenItem } | undefined;
  const end = (isCut: boolean): ItemEvent[] => {
    if (current === undefined) return [];
    const { kind, open } = current;
    const item = kind.item(open, isCut);
    items.push(item);
    current = undefined;
    return kind.end(open, item);
  };
  const begin = (kind: ItemKind, call: CallPiece | undefined): ItemEvent[] => {
    const open: OpenItem = { id: memory.newId(kind.prefix), index: items.length, call, text: "" };
    current = { kind, open };
    return kind.begin(open);
  };
  return {
    push(piece) {
      if (piece.kind === "end") {
        const isSilent = items.length === 0 && current === undefined;
        return [...(isSilent ? begin(kItemKinds.text, undefined) : []), ...end(isCut(piece.answer))];
      }
      const kind = kItemKinds[piece.kind];
      const call = piece.kind === "call" ? piece : undefined;
      const isMore = current?.kind === kind && current.open.call?.index === call?.index;
      const events = isMore ? [] : [...end(false), ...begin(kind, call)];
      if (current === undefined || piece.text === "") return events;
      current.open.text += piece.text;
      return [...events, ...kind.more(current.open, piece.text)];
    },
    items: () => items,
  };
}

/** The items of a whole answer. */
export function outputOf(answer: AnswerChoice, memory: ItemMemory): readonly Item[] {
  const output = createOutputItems(memory);
  const choice = answer.index;
  if (answer.thought !== null) output.push({ kind: "thought", choice, text: answer.thought });
  if (answer.content) output.push({ kind: "text", choice, text: answer.content });
  answer.toolCalls.forEach(({ id, function: { name, arguments: text } }, index) => {
    output.push({ kind: "call", choice, index, isFirst: true, id, name, text });
  });
  output.push({ kind: "end", choice, answer });
  return output.items();
}

// --- internal ---

function isCut({ finishReason }: AnswerChoice): boolean {
  return finishReason === "length";
}
