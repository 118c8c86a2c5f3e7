// An answer in pieces while it is sampled. A thought goes out as it is written, text as soon as it cannot be part of a tool call or a stop string; tool calls and what was held
// back go out when their choice is complete.
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { mayOpenThought, placeThought } from "../../policy/tool-calls/thought-place.js";
import type { AnswerChoice, AnswerOptions } from "./answer.js";
import type { Piece } from "./dialect.js";

export interface AnswerPieces {
  /** What this token makes certain. */
  push(choice: number, token: number): readonly Piece[];
  /** The rest of a choice that is complete. */
  finish(answer: AnswerChoice): readonly Piece[];
}

export function createAnswerPieces(options: AnswerOptions, choices: number): AnswerPieces {
  const texts = Array.from({ length: choices }, () => createVisibleText(options));
  const toPieces = (choice: number, kind: "thought" | "text", text: string): Piece[] =>
    text === "" ? [] : [{ kind, choice, text }];
  return {
    push(choice, token) {
      const { thought = "", content = "" } = texts[choice]?.push(token) ?? {};
      return [...toPieces(choice, "thought", thought), ...toPieces(choice, "text", content)];
    },
    finish(answer) {
      const choice = answer.index;
      const sent = texts[choice]?.sent ?? { thought: 0, content: 0 };
      return [
        ...toPieces(choice, "thought", (answer.thought ?? "").slice(sent.thought)),
        ...toPieces(choice, "text", (answer.content ?? "").slice(sent.content)),
        ...answer.toolCalls.map(({ id, function: { name, arguments: text } }, index): Piece => {
          return { kind: "call", choice, index, isFirst: true, id, name, text };
        }),
        { kind: "end", choice, answer },
      ];
    },
  };
}

// --- internal ---

interface Parts<Part> {
  readonly thought: Part;
  readonly content: Part;
}

interface VisibleText {
  /** The texts that this token makes certain. */
  push(token: number): Parts<string>;
  /** How many characters of each were handed out. */
  readonly sent: Parts<number>;
}

function createVisibleText(options: AnswerOptions): VisibleText {
  const decoder = options.tokenizer.createDecoder();
  const certain = certainParts(options);
  let text = "";
  let sent: Parts<number> = { thought: 0, content: 0 };
  return {
    push(token) {
      if (options.stopTokenIds.includes(token)) return { thought: "", content: "" };
      text += decoder.push(token);
      const { thought, content } = certain(text);
      const more = { thought: thought.slice(sent.thought), content: content.slice(sent.content) };
      sent = { thought: sent.thought + more.thought.length, content: sent.content + more.content.length };
      return more;
    },
    get sent() {
      return sent;
    },
  };
}

const kThoughtEnd = "</think>";

/** What of a text stays as it is, whatever follows. */
function certainParts({
  calls,
  inThought,
  stop,
  isText = false,
}: AnswerOptions): (text: string) => Parts<string> {
  const form = calls === null ? undefined : callForms[calls.family];
  const marks = [...(form?.marks ?? []), ...stop];
  return (sampled) => {
    const cuts = stop.map((each) => sampled.indexOf(each)).filter((at) => at >= 0);
    const text = sampled.slice(0, Math.min(...cuts, sampled.length));
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
