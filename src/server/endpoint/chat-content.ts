// The content of chat messages: one text, or the parts that a client sent.
import type { ChatMessage, TextPart } from "../../types/chat.js";

/** The content as one text; parts stand end to end. */
export function contentText({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text).join("");
}

/** A single part is its text: templates write texts alike, and put parts together each in its own way. */
export function toContent(texts: readonly string[]): string | TextPart[] {
  return texts.length > 1 ? texts.map((text) => ({ type: "text", text })) : (texts[0] ?? "");
}
