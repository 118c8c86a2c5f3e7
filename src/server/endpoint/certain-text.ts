// What of an answer stays as it is, whatever follows, while its text is written: a thought as it comes, text as soon as it cannot be part of a tool
// call or a stop string. Only what is not certain yet is kept, so that a token costs the same however long its answer is.
import type { CallForm } from "../../policy/tool-calls/call-form.js";
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { kThoughtEnd, mayOpenThought, placeThought } from "../../policy/tool-calls/thought-place.js";
import type { AnswerOptions } from "./answer.js";

export interface CertainText {
  /** More of the answer. */
  push(text: string): void;
  /** What begins with the mark of a call, of an answer that is held to a grammar; "" before it. */
  calls(): string;
}

/** @param say  is told what is certain; texts of a kind concatenate */
export function createCertainText(
  options: AnswerOptions,
  say: (kind: "thought" | "text", text: string) => void,
): CertainText {
  const { calls, inThought, stop, isText = false, isHeld = false } = options;
  const form: CallForm | undefined = calls === null ? undefined : callForms[calls.family];
  const marks = form?.marks ?? [];
  let place: Place = isText ? "said" : "opening";
  let left = "";
  // Of the thought, or of what is said: whether nothing of it is out, and whether white space before it is dropped.
  let [isFresh, isTrimmed] = [true, false];
  const out = (kind: "thought" | "text", length: number, trimsEnd: boolean): void => {
    const sure = trimsEnd ? left.slice(0, length).trimEnd() : left.slice(0, length);
    left = left.slice(sure.length);
    const text = isFresh && isTrimmed ? sure.trimStart() : sure;
    if (text === "") return;
    isFresh = false;
    say(kind, text);
  };
  const go = (next: Place, at: number): true => {
    left = left.slice(at);
    place = next;
    return true;
  };
  /** Each says what is certain where it stands. @returns whether it stands elsewhere now */
  const steps: Readonly<Record<Place, () => boolean>> = {
    opening() {
      if (mayOpenThought(left)) return false;
      const found = placeThought(left, inThought);
      if (found === undefined) return go("said", 0);
      if (found.start > sureLength(left, stop)) return false;
      isTrimmed = true;
      return go("thought", found.start);
    },
    thought() {
      const sure = sureLength(left, stop);
      const end = left.indexOf(kThoughtEnd);
      const isOver = end >= 0 && end + kThoughtEnd.length <= sure;
      out("thought", Math.min(sure, isOver ? end : sureLength(left, [kThoughtEnd])), true);
      if (!isOver) return false;
      isFresh = true;
      return go("said", left.indexOf(kThoughtEnd) + kThoughtEnd.length);
    },
    said() {
      const first = form?.isBare && isFresh ? left.trimStart().charAt(0) : undefined;
      if (first === "") return false;
      if (first === "{") return go(isHeld ? "calls" : "over", 0);
      const sure = sureLength(left, stop);
      // White space before a tool call is dropped, so it waits as well.
      out("text", Math.min(sure, sureLength(left, marks)), form !== undefined);
      const mark = firstOf(left, marks);
      if (mark === undefined) return false;
      if (!isHeld) return go("over", 0);
      return mark.end <= sureLength(left, stop) && go("calls", mark.start);
    },
    calls: () => false,
    over: () => false,
  };
  return {
    push(text) {
      if (place === "over" || text === "") return;
      const before = left.length;
      left += text;
      // The rest is told by the whole answer, which ends here.
      if (stop.some((each) => left.includes(each, Math.max(before - each.length, 0)))) place = "over";
      while (steps[place]());
    },
    calls: () => (place === "calls" ? left.slice(0, sureLength(left, stop)) : ""),
  };
}

// --- internal ---

/** Where an answer stands: it may still begin with a thought, is in it, behind it, in calls, or nothing more is certain before it is complete. */
type Place = "opening" | "thought" | "said" | "calls" | "over";

/** How much of the text no mark can reach back into. */
function sureLength(text: string, marks: readonly string[]): number {
  let sure = text.length;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    sure = Math.min(sure, at >= 0 ? at : begunAt(text, mark));
  }
  return sure;
}

/** Where the text's end begins with the mark's beginning. */
function begunAt(text: string, mark: string): number {
  const first = mark.charAt(0);
  let at = text.indexOf(first, Math.max(text.length - mark.length + 1, 0));
  while (at >= 0 && !mark.startsWith(text.slice(at))) at = text.indexOf(first, at + 1);
  return at < 0 ? text.length : at;
}

function firstOf(
  text: string,
  marks: readonly string[],
): { readonly start: number; readonly end: number } | undefined {
  let first: { readonly start: number; readonly end: number } | undefined;
  for (const mark of marks) {
    const start = text.indexOf(mark);
    if (start >= 0 && (first === undefined || start < first.start))
      first = { start, end: start + mark.length };
  }
  return first;
}
