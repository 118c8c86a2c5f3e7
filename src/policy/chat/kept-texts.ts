// Whether a prompt has every message's text. Templates drop messages without a word: of roles that they do not know, of a second system message, of
// parts. What they do to a text (trimming, escaping it as JSON, leaving out a thought) is theirs; so a text counts as dropped where the prompt does
// not have it and would be the same with another text in its place, or with more of it.
import { kThoughtEnd } from "../tool-calls/thought-place.js";
import type { ContentForm, PreparedMessage } from "./chat-messages.js";

export interface TextPlace {
  readonly message: number;
  readonly part: number;
}

/** Renders with other texts, by message and part. @returns undefined where the template refuses them */
export type RenderTexts = (texts: readonly (readonly string[])[]) => string | undefined;

export interface KeptTexts {
  /**
   * The form of contents in which a template was found to keep the texts of such a conversation: of these roles, parts and fields.
   * Undefined where none was tried.
   */
  known(shape: string): ContentForm | undefined;
  remember(shape: string, form: ContentForm): void;
}

export function createKeptTexts(): KeptTexts {
  const forms = new Map<string, ContentForm>();
  return {
    known: (shape) => forms.get(shape),
    remember(shape, form) {
      // A conversation that grows has a shape for each length.
      if (forms.size >= kMostShapes) forms.clear();
      forms.set(shape, form);
    },
  };
}

/** What decides which texts a template writes, apart from the texts. */
export function shapeOf(
  messages: readonly PreparedMessage[],
  variables: Readonly<Record<string, unknown>>,
): string {
  const shapes = messages.map(({ role, texts, hasParts, fields }) => {
    const names = Object.keys(fields).filter((name) => fields[name] !== undefined);
    const calls = Array.isArray(fields.tool_calls) ? fields.tool_calls.length : 0;
    return [role, hasParts, texts.map((text) => text.trim() === ""), calls, names];
  });
  // Which tools there are is no matter, and printing them would cost what rendering costs.
  const { tools, ...others } = variables;
  return JSON.stringify([shapes, Boolean(tools), others]);
}

/**
 * @param prompt  what was rendered of the messages' own texts
 * @param isKnown  texts of such a conversation were found to be kept: only those that the prompt does not have are looked at
 * @returns the first text that the template drops
 */
export function findDropped(
  messages: readonly PreparedMessage[],
  prompt: string,
  render: RenderTexts,
  isKnown: boolean,
): TextPlace | undefined {
  const places = placesOf(messages);
  const written = createSearch(prompt);
  const absent = places.filter(({ message, part }) => !written.has(messages[message], part));
  const suspects = isKnown ? absent : [...absent, ...unmarked(messages, places, render)];
  const own = messages.map(({ texts }) => texts);
  const isSameWith = ({ message, part }: TextPlace, text: string) =>
    render(own.map((texts, i) => (i === message ? texts.with(part, text) : texts))) === prompt;
  return suspects.find((place) => {
    const mark = markOf(place.message, place.part);
    if (isSameWith(place, mark)) return true;
    // Only what an assistant says may be left out for what it is: a thought.
    if (messages[place.message]?.role === "assistant") return false;
    // Of a text that switches something all may be taken for the switch, but then what is added to it is written.
    const text = own[place.message]?.[place.part] ?? "";
    return isSameWith(place, `${text} ${mark}`);
  });
}

// --- internal ---

const kMostShapes = 4096;

const markOf = (message: number, part: number) => `aglmark${message}x${part}z`;
const kMarks = /aglmark\d+x\d+z/g;

// An assistant's text beside its tool calls is left out by templates of Llama's family, and was never asked for.
function placesOf(messages: readonly PreparedMessage[]): TextPlace[] {
  return messages.flatMap(({ role, texts, fields }, message) => {
    if (role === "assistant" && fields.tool_calls !== undefined) return [];
    return texts.flatMap((text, part) => (text.trim() === "" ? [] : [{ message, part }]));
  });
}

/** Texts that do not come through when all are replaced by marks: a short text may stand in the prompt by chance. */
function unmarked(
  messages: readonly PreparedMessage[],
  places: readonly TextPlace[],
  render: RenderTexts,
): readonly TextPlace[] {
  const marks = messages.map(({ texts }, message) =>
    texts.map((text, part) => (text.trim() === "" ? text : markOf(message, part))),
  );
  const prompt = render(marks)?.toLowerCase() ?? "";
  const written = new Set(prompt.match(kMarks));
  return places.filter(({ message, part }) => !written.has(markOf(message, part)));
}

interface Search {
  has(message: PreparedMessage | undefined, part: number): boolean;
}

// Messages stand in their order, mostly: each is looked for behind the one before.
function createSearch(prompt: string): Search {
  let from = 0;
  let dense: string | undefined;
  const hasText = (text: string): boolean => {
    const at = prompt.indexOf(text, from);
    if (at >= 0) from = at + text.length;
    if (at >= 0 || prompt.includes(text)) return true;
    if (prompt.includes(JSON.stringify(text).slice(1, -1))) return true;
    dense ??= prompt.replace(/\s+/g, "");
    return dense.includes(text.replace(/\s+/g, ""));
  };
  return {
    has(message, part) {
      const text = message?.texts[part]?.trim() ?? "";
      return hasText(text) || (message?.role === "assistant" && hasText(withoutThought(text)));
    },
  };
}

function withoutThought(text: string): string {
  const end = text.lastIndexOf(kThoughtEnd);
  return end < 0 ? text : text.slice(end + kThoughtEnd.length).trim();
}
