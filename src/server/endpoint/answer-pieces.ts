// An answer in pieces while it is sampled. A thought goes out as it is written, text as soon as it cannot be part of a tool call
// or a stop string. Tool calls of an answer that is held to a grammar go out as they are written; of others, which may turn out to be none, when
// their choice is complete.
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { kThoughtEnd, mayOpenThought, placeThought } from "../../policy/tool-calls/thought-place.js";
import { type AnswerChoice, type AnswerOptions, heldCalls } from "./answer.js";
import type { Piece } from "./dialect.js";

export interface AnswerPieces {
  /** What this token makes certain. */
  push(choice: number, token: number): readonly Piece[];
  /** The rest of a choice that is complete. */
  finish(answer: AnswerChoice): readonly Piece[];
}

export function createAnswerPieces(options: AnswerOptions, choices: number): AnswerPieces {
  const texts = Array.from({ length: choices }, (_, choice) => createVisibleText(options, choice));
  return {
    push: (choice, token) => texts[choice]?.push(token) ?? [],
    finish: (answer) => [
      ...(texts[answer.index]?.finish(answer) ?? []),
      { kind: "end", choice: answer.index, answer },
    ],
  };
}

// --- internal ---

type Said = Pick<AnswerChoice, "thought" | "content" | "toolCalls">;

interface VisibleText {
  /** What this token makes certain. */
  push(token: number): readonly Piece[];
  finish(said: Said): readonly Piece[];
}

function createVisibleText(options: AnswerOptions, choice: number): VisibleText {
  const decoder = options.tokenizer.createDecoder();
  const certain = certainParts(options);
  const more = createDifference(choice);
  let text = "";
  return {
    push(token) {
      if (options.stopTokenIds.includes(token)) return [];
      text += decoder.push(token);
      const visible = cutAtStop(text, options.stop);
      const whole = visible.slice(0, safeLength(visible, options.stop));
      const toolCalls = heldCalls(whole, choice, options)?.toolCalls ?? [];
      return more({ ...certain(visible), toolCalls });
    },
    finish: more,
  };
}

/** What is said more each time than the time before. */
function createDifference(choice: number): (said: Said) => readonly Piece[] {
  let [thought, content] = [0, 0];
  const calls: number[] = [];
  return (said) => {
    const texts = [
      ["thought", (said.thought ?? "").slice(thought)] as const,
      ["text", (said.content ?? "").slice(content)] as const,
    ];
    thought += texts[0]?.[1].length ?? 0;
    content += texts[1]?.[1].length ?? 0;
    return [
      ...texts.flatMap(([kind, text]): Piece[] => (text === "" ? [] : [{ kind, choice, text }])),
      ...said.toolCalls.flatMap(({ id, function: { name, arguments: args } }, index): Piece[] => {
        const isFirst = calls[index] === undefined;
        const text = args.slice(calls[index] ?? 0);
        calls[index] = args.length;
        return isFirst || text !== "" ? [{ kind: "call", choice, index, isFirst, id, name, text }] : [];
      }),
    ];
  };
}

/** What of a text stays as it is, whatever follows. */
function certainParts({
  calls,
  inThought,
  stop,
  isText = false,
}: AnswerOptions): (text: string) => Omit<Said, "toolCalls"> {
  const form = calls === null ? undefined : callForms[calls.family];
  const marks = [...(form?.marks ?? []), ...stop];
  return (text) => {
    if (!isText && mayOpenThought(text)) return { thought: "", content: "" };
    const place = isText ? undefined : placeThought(text, inThought);
    const { start = 0, end = 0, answer = 0 } = place ?? {};
    const inner = text.slice(start, end ?? text.length);
    const thought = end === null ? inner.slice(0, safeLength(inner, [...stop, kThoughtEnd])) : inner;
    const rest = text.slice(answer);
    const said = place === undefined ? rest : rest.trimStart();
    const mayBeCall = form?.isBare === true && /^\s*(?:\{|$)/.test(said);
    const safe = mayBeCall ? "" : said.slice(0, safeLength(said, marks));
    // White space before a tool call is dropped, so it waits as well.
    return { thought: thought.trim(), content: form === undefined ? safe : safe.trimEnd() };
  };
}

function cutAtStop(text: string, stop: readonly string[]): string {
  const cuts = stop.map((each) => text.indexOf(each)).filter((at) => at >= 0);
  return text.slice(0, Math.min(...cuts, text.length));
}

/** How much of the text no mark can reach back into. */
function safeLength(text: string, marks: readonly string[]): number {
  let safe = text.length;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at >= 0) safe = Math.min(safe, at);
    for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(mark.slice(0, length))) safe = Math.min(safe, text.length - length);
    }
  }
  return safe;
}
