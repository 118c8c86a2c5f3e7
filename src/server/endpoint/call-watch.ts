// Sees an answer's first tool call being completed while it is sampled.
import type { StreamedToken } from "../../policy/policy.js";
import type { TokenDecoder } from "../../policy/tokenizer/token-decoder.js";
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { findCalls } from "../../policy/tool-calls/find-calls.js";
import type { AnswerOptions } from "./answer.js";

/** @returns whether this token completes its choice's first call; asked of every token in order */
export function createCallWatch({
  tokenizer,
  inThought,
  calls,
}: AnswerOptions): (token: StreamedToken) => boolean {
  if (calls === null) return () => false;
  const form = callForms[calls.family];
  const longest = Math.max(...form.closers.map((closer) => closer.length));
  const choices = new Map<number, { readonly decoder: TokenDecoder; text: string }>();
  return ({ choice, token }) => {
    const said = choices.get(choice) ?? { decoder: tokenizer.createDecoder(), text: "" };
    choices.set(choice, said);
    const from = Math.max(said.text.length - longest, 0);
    said.text += said.decoder.push(token);
    // Parsed only when a call may have ended; one in quotes that are still open may turn out to be shown and not meant.
    if (!form.closers.some((closer) => said.text.includes(closer, from))) return false;
    return findCalls(said.text, { form, tools: calls.tools, inThought, isGrowing: true }).blocks.length > 0;
  };
}
