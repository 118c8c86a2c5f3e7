// Sees an answer's first tool call being completed while it is sampled.
import type { StreamedToken } from "../../policy/policy.js";
import type { TokenDecoder } from "../../policy/tokenizer/token-decoder.js";
import { parseToolCalls } from "../../policy/tool-calls.js";
import type { AnswerOptions } from "./answer.js";

/** @returns whether this token completes its choice's first call; asked of every token in order */
export function createCallWatch({ tokenizer, inThought }: AnswerOptions): (token: StreamedToken) => boolean {
  const choices = new Map<number, { readonly decoder: TokenDecoder; text: string }>();
  return ({ choice, token }) => {
    const said = choices.get(choice) ?? { decoder: tokenizer.createDecoder(), text: "" };
    choices.set(choice, said);
    const from = said.text.length - kClose.length;
    said.text += said.decoder.push(token);
    // Parsed only when a call may have ended; one in quotes that are still open may turn out to be shown and not meant.
    if (!said.text.includes(kClose, Math.max(from, 0))) return false;
    return parseToolCalls(said.text + kQuotesClosed, { inThought, most: 1 }).toolCalls.length > 0;
  };
}

// --- internal ---

const kClose = "</tool_call>";
const kQuotesClosed = "\"'`”“’»」』";
