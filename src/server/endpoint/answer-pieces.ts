// An answer in pieces while it is sampled. Text goes out as soon as it cannot be part of a tool call or a stop string; tool calls and what was held
// back go out when their choice is complete.
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { answerStart } from "../../policy/tool-calls/find-calls.js";
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
  return {
    push(choice, token) {
      const text = texts[choice]?.push(token) ?? "";
      return text === "" ? [] : [{ kind: "text", choice, text }];
    },
    finish(answer) {
      const choice = answer.index;
      const text = (answer.content ?? "").slice(texts[choice]?.sent() ?? 0);
      return [
        ...(text === "" ? [] : [{ kind: "text", choice, text } as const]),
        ...answer.toolCalls.map(({ id, function: called }, index): Piece => {
          return {
            kind: "call",
            choice,
            index,
            isFirst: true,
            id,
            name: called.name,
            text: called.arguments,
          };
        }),
        { kind: "end", choice, answer },
      ];
    },
  };
}

// --- internal ---

interface VisibleText {
  /** The text that this token makes certain. */
  push(token: number): string;
  /** How many characters were handed out. */
  sent(): number;
}

function createVisibleText(options: AnswerOptions): VisibleText {
  const decoder = options.tokenizer.createDecoder();
  const { calls, inThought, stop } = options;
  const form = calls === null ? undefined : callForms[calls.family];
  const marks = [...(form?.marks ?? []), ...stop];
  let text = "";
  let sent = 0;
  return {
    push(token) {
      if (options.stopTokenIds.includes(token)) return "";
      text += decoder.push(token);
      const safe = Math.min(
        safeLength(text, marks, form !== undefined),
        form?.isBare ? bareStart(text, inThought) : text.length,
      );
      const piece = text.slice(sent, Math.max(safe, sent));
      sent += piece.length;
      return piece;
    },
    sent: () => sent,
  };
}

/** Where what may all be a call begins, behind a thought; the text's end where it is none. */
function bareStart(text: string, inThought: boolean): number {
  const start = answerStart(text, inThought);
  const said = text.slice(start).trimStart();
  return said === "" || said.startsWith("{") ? start : text.length;
}

/** How much of the text no mark can reach back into. White space before a tool call is dropped, so it waits as well. */
function safeLength(text: string, marks: readonly string[], trims: boolean): number {
  let safe = text.length;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at >= 0) safe = Math.min(safe, at);
    for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(mark.slice(0, length))) safe = Math.min(safe, text.length - length);
    }
  }
  return trims ? text.slice(0, safe).trimEnd().length : safe;
}
