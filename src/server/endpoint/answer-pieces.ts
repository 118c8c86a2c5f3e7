// An answer in pieces while it is sampled. Thought and text go out as soon as they are certain. Tool calls of an answer that is held to a grammar go
// out as they are written; of others, which may turn out to be none, when their choice is complete.
import { type AnswerChoice, type AnswerOptions, heldCalls } from "./answer.js";
import { createCertainText } from "./certain-text.js";
import type { Piece } from "./dialect.js";

export interface AnswerPieces {
  /** What this token makes certain. */
  push(choice: number, token: number): readonly Piece[];
  /** The rest of a choice that is complete. */
  finish(answer: AnswerChoice): readonly Piece[];
}

export function createAnswerPieces(options: AnswerOptions, choices: number): AnswerPieces {
  const said = Array.from({ length: choices }, (_, choice) => createChoicePieces(options, choice));
  return {
    push: (choice, token) => said[choice]?.push(token) ?? [],
    finish: (answer) => [
      ...(said[answer.index]?.finish(answer) ?? []),
      { kind: "end", choice: answer.index, answer },
    ],
  };
}

// --- internal ---

type Calls = AnswerChoice["toolCalls"];

interface ChoicePieces {
  push(token: number): readonly Piece[];
  finish(said: Pick<AnswerChoice, "thought" | "content" | "toolCalls">): readonly Piece[];
}

function createChoicePieces(options: AnswerOptions, choice: number): ChoicePieces {
  const decoder = options.tokenizer.createDecoder();
  // Its calls begin behind every thought.
  const held = { ...options, inThought: false };
  let pieces: Piece[] = [];
  const out = { thought: 0, text: 0 };
  const say = (kind: "thought" | "text", text: string): void => {
    if (text === "") return;
    out[kind] += text.length;
    pieces.push({ kind, choice, text });
  };
  const call = createCallDifference(choice, (piece) => pieces.push(piece));
  const taken = (): readonly Piece[] => {
    const all = pieces;
    if (all.length > 0) pieces = [];
    return all;
  };
  const certain = createCertainText(options, say);
  return {
    push(token) {
      if (options.stopTokenIds.includes(token)) return [];
      certain.push(decoder.push(token));
      const calls = certain.calls();
      if (calls !== "") call(heldCalls(calls, choice, held)?.toolCalls ?? []);
      return taken();
    },
    finish({ thought, content, toolCalls }) {
      say("thought", (thought ?? "").slice(out.thought));
      say("text", (content ?? "").slice(out.text));
      call(toolCalls);
      return taken();
    },
  };
}

/** Says what the calls have more each time than the time before. */
function createCallDifference(choice: number, say: (piece: Piece) => void): (calls: Calls) => void {
  const lengths: number[] = [];
  return (calls) =>
    calls.forEach(({ id, function: { name, arguments: args } }, index) => {
      const isFirst = lengths[index] === undefined;
      const text = args.slice(lengths[index] ?? 0);
      lengths[index] = args.length;
      if (isFirst || text !== "") say({ kind: "call", choice, index, isFirst, id, name, text });
    });
}
