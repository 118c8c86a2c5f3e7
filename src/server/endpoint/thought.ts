// Thoughts of earlier answers: set apart from the content in the canonical message (`reasoning`), in the content or in a field of their own where
// a template looks for them. No tool calls here.
import type { ThoughtField } from "../../policy/chat/chat-template.js";
import { kThoughtEnd, kThoughtStart } from "../../policy/tool-calls/thought-place.js";
import type { ChatMessage } from "../../types/chat.js";
import { contentText } from "./chat-content.js";

/** A message whose thought, if it has one, is in `reasoning`, and whose content is without it. */
export interface ThoughtApart extends ChatMessage {
  /** Without the white space around it; "" where there was room for one. */
  readonly reasoning?: string;
  /** The content with the thought in it, as it was written; absent: nobody wrote it so. */
  readonly written?: string;
}

/** Some clients leave the thought in the content, set it apart, or send it twice. */
export function setThoughtApart(message: ChatMessage): ThoughtApart {
  if (message.role !== "assistant") return message;
  const { reasoning, ...rest } = message;
  const content = contentText(message);
  const inside = splitThought(content);
  const apart = typeof reasoning === "string" ? reasoning.trim() : null;
  if (inside.thought === null || (apart !== null && apart !== inside.thought))
    return apart === null ? rest : { ...rest, reasoning: apart };
  return { ...rest, content: inside.answer, reasoning: inside.thought, written: content };
}

/** The message as a template reads it that looks for thoughts in this field. */
export function withThought(
  { reasoning, written, ...message }: ThoughtApart,
  field: ThoughtField,
): ChatMessage {
  if (reasoning === undefined) return message;
  if (field === "reasoning_content") return { ...message, reasoning_content: reasoning };
  if (written !== undefined) return { ...message, content: written };
  return {
    ...message,
    content: `${kThoughtStart}\n${reasoning}\n${kThoughtEnd}\n\n${contentText(message).trimStart()}`,
  };
}

/**
 * Whether the prompt ends inside a thought that it began.
 * @param text  the conversation as the template writes it, with the beginning of the answer
 * @param bare  the same without the beginning of the answer; asked only where the text alone does not tell
 */
export function endsInThought(text: string, bare: () => string): boolean {
  const open = text.lastIndexOf(kThoughtStart);
  if (open < 0 || text.indexOf(kThoughtEnd, open) >= 0) return false;
  // What a user wrote about thoughts opens none.
  const said = bare();
  return text.startsWith(said) ? open >= said.length : text.slice(open + kThoughtStart.length).trim() === "";
}

// --- internal ---

/** The thought at the beginning of a content; its opening tag may have been the prompt's. */
function splitThought(content: string): { readonly thought: string | null; readonly answer: string } {
  const end = content.indexOf(kThoughtEnd);
  if (end < 0) return { thought: null, answer: content };
  const before = content.slice(0, end).trim();
  const thought = before.startsWith(kThoughtStart) ? before.slice(kThoughtStart.length).trim() : before;
  if (thought.includes(kThoughtStart)) return { thought: null, answer: content };
  return { thought, answer: content.slice(end + kThoughtEnd.length).trimStart() };
}
