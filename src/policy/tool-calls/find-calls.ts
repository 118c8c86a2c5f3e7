// Where in an answer calls are meant: outside of thoughts (`<think>...</think>`), code fences, inline code and quotations, which only talk
// about calls. Whatever the family, the same rules.
import { escapePattern } from "../../base/match-at.js";
import type { ToolDefinition } from "../../types/chat.js";
import type { CallBlock, CallForm } from "./call-form.js";
import { followsQuote, isQuoted, lastParagraph } from "./quoted-text.js";
import { kThoughtEnd, kThoughtStart, placeThought } from "./thought-place.js";

export interface FindOptions {
  readonly form: CallForm;
  readonly tools: readonly ToolDefinition[];
  /** Whether the text begins in a thought; undefined: a thought's end without a beginning tells. */
  readonly inThought: boolean | undefined;
  /** Quotations that are open at the text's end may still be closed: what they hold is no call yet. */
  readonly isGrowing?: boolean;
}

export interface FoundCalls {
  /** In order. */
  readonly blocks: readonly CallBlock[];
  /** Marks of calls that begin no well-formed one. */
  readonly malformed: number;
}

export function findCalls(text: string, options: FindOptions): FoundCalls {
  const bare = findBare(text, options);
  if (bare !== undefined) return { blocks: [bare], malformed: 0 };
  const { form, tools, inThought } = options;
  const turns = turnsOf(form);
  const closing = options.isGrowing ? kQuotesClosed : "";
  let blocks: CallBlock[] = [];
  let malformed = 0;
  // What was said in this paragraph, without the calls that it shows.
  let lead = "";
  let from = 0;
  const skipTo = (end: number, isSaid: boolean) => {
    lead = isSaid ? lead : "";
    from = turns.lastIndex = end;
  };
  skipTo(inThought ? endOf(text, kThoughtEnd, 0) : 0, false);
  for (let turn = turns.exec(text); turn !== null; turn = turns.exec(text)) {
    const [mark] = turn;
    if (turn.groups?.fence !== undefined) skipTo(endOfFence(text, turn.index, turn.groups.fence), false);
    else if (mark === kThoughtEnd) {
      // A thought that the prompt began.
      if (inThought !== undefined || followsQuote(text, turn.index)) continue;
      blocks = [];
      malformed = 0;
      skipTo(turns.lastIndex, false);
    } else if (mark === kThoughtStart) {
      if (!followsQuote(text, turn.index)) skipTo(endOf(text, kThoughtEnd, turn.index), false);
    } else {
      const block = form.readBlock(text, turn.index, tools);
      const isLast = block === undefined || !form.isBare || text.slice(block.end).trim() === "";
      if (block === undefined || !isLast) {
        if (!followsQuote(text, turn.index)) malformed++;
        continue;
      }
      lead = lastParagraph(lead + text.slice(from, block.start));
      const isShown = isQuoted(lead, text.slice(block.end) + closing, form);
      if (isShown) lead += kShown;
      else blocks.push(block);
      skipTo(block.end, isShown);
    }
  }
  return { blocks, malformed };
}

// --- internal ---

const kQuotesClosed = "\"'`”“’»」』";
/** Stands for a call that is shown: the marks on both sides of it are two. */
const kShown = "_";

function turnsOf({ marks }: CallForm): RegExp {
  const fence = "^ {0,3}(?<fence>`{3,}(?=[^`\\n]*$)|~{3,})";
  return new RegExp([...marks.map(escapePattern), "</?think>", fence].join("|"), "gm");
}

/** Calls without a mark, which are the whole answer. */
function findBare(text: string, { form, tools, inThought }: FindOptions): CallBlock | undefined {
  if (!form.isBare) return undefined;
  const start = placeThought(text, inThought ?? false)?.answer ?? 0;
  const object = start + text.slice(start).length - text.slice(start).trimStart().length;
  if (text.charAt(object) !== "{") return undefined;
  const block = form.readBlock(text, object, tools);
  return block !== undefined && text.slice(block.end).trim() === "" ? block : undefined;
}

/** Behind the next `mark`, or the text's end. */
function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at + mark.length;
}

/** Behind the line that closes the fence, or the text's end. */
function endOfFence(text: string, start: number, fence: string): number {
  const close = fence.startsWith("`") ? /^ {0,3}(`{3,})[ \t]*$/gm : /^ {0,3}(~{3,})[ \t]*$/gm;
  close.lastIndex = endOf(text, "\n", start);
  for (let line = close.exec(text); line !== null; line = close.exec(text)) {
    if ((line[1]?.length ?? 0) >= fence.length) return close.lastIndex;
  }
  return text.length;
}
