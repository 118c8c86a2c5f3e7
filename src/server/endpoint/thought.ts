// An assistant's thought stands in its content, as it was sampled: <think>...</think> and then the answer. Clients that take it apart send it
// back in a field of its own. No tool calls here.
import type { ChatMessage } from "../../types/chat.js";

export interface ThoughtAndAnswer {
  /** Without the white space around it; null: none. */
  readonly thought: string | null;
  readonly answer: string;
}

/** The thought at the beginning of a content; its opening tag may have been the prompt's. */
export function splitThought(content: string): ThoughtAndAnswer {
  const end = content.indexOf(kClose);
  if (end < 0) return { thought: null, answer: content };
  const before = content.slice(0, end).trim();
  const thought = before.startsWith(kOpen) ? before.slice(kOpen.length).trim() : before;
  if (thought.includes(kOpen)) return { thought: null, answer: content };
  return { thought, answer: content.slice(end + kClose.length) };
}

/** The message with its thought in the content, where every template that knows thoughts looks for it. */
export function withThought({ reasoning, ...message }: ChatMessage): ChatMessage {
  if (typeof reasoning !== "string") return message;
  const content = contentText(message);
  const { thought } = splitThought(content);
  if (thought === reasoning.trim()) return message;
  return { ...message, content: `${kOpen}\n${reasoning.trim()}\n${kClose}\n\n${content.trimStart()}` };
}

/** The content as one text; parts stand end to end. */
export function contentText({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text).join("");
}

/**
 * Whether the prompt ends inside a thought that it began.
 * @param text  the conversation as the template writes it, with the beginning of the answer
 * @param bare  the same without the beginning of the answer; asked only where the text alone does not tell
 */
export function endsInThought(text: string, bare: () => string): boolean {
  const open = text.lastIndexOf(kOpen);
  if (open < 0 || text.indexOf(kClose, open) >= 0) return false;
  // What a user wrote about thoughts opens none.
  const said = bare();
  return text.startsWith(said) ? open >= said.length : text.slice(open + kOpen.length).trim() === "";
}

// --- internal ---

const kOpen = "<think>";
const kClose = "</think>";
