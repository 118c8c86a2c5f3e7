// OpenAI's messages in the form that templates expect: contents as text or as parts, arguments as objects that print as their own text, and
// "developer" as "system" for a template that does not know it.
import { argumentError } from "../../base/check.js";
import { parseJson } from "../../base/json-text.js";
import { toJson } from "../../jinja/to-json.js";
import { SpelledJson, toValue } from "../../jinja/values.js";
import type { ChatMessage } from "../../types/chat.js";

/** A message that was checked, apart from its texts. */
export interface PreparedMessage {
  /** As it was given, for errors. */
  readonly role: string;
  /** The text, or the texts of its parts; none where the content is null. */
  readonly texts: readonly string[];
  readonly hasParts: boolean;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How contents are handed to a template: as text (parts joined by line ends), as they were given, or all as parts. */
export type ContentForm = "text" | "given" | "parts";

export interface TemplateManners {
  /** It tests contents for none; others join them without a look, and mean empty text by null. */
  readonly testsNull: boolean;
  readonly knowsDeveloper: boolean;
  /** It speaks of contents at all: one that does not is no template of conversations, and drops none of them. */
  readonly writesContents: boolean;
}

/** @throws E_ARGUMENT naming the message and field */
export function prepareMessages(
  who: string,
  messages: unknown,
  manners: TemplateManners,
): readonly PreparedMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw argumentError(who, "at least one message", messages, 'as in [{ role: "user", content: "Hello" }]');
  return messages.map((message, i) => prepareMessage(who, message, `messages[${i}]`, manners));
}

/** The message as the template sees it. @param texts  in the place of its own, as many */
export function toTemplateMessage(
  { texts: own, hasParts, fields }: PreparedMessage,
  form: ContentForm,
  { testsNull }: TemplateManners,
  texts: readonly string[] = own,
): Readonly<Record<string, unknown>> {
  if (texts.length === 0 && !hasParts) return { ...fields, content: testsNull ? null : "" };
  const isInParts = form === "parts" || (form === "given" && hasParts);
  return { ...fields, content: isInParts ? texts.map((text) => ({ type: "text", text })) : texts.join("\n") };
}

// --- internal ---

function prepareMessage(
  who: string,
  message: ChatMessage,
  at: string,
  { knowsDeveloper }: TemplateManners,
): PreparedMessage {
  if (typeof message !== "object" || message === null)
    throw argumentError(who, `${at} to be a message`, message);
  const { role, content, tool_calls: asked } = message;
  if (typeof role !== "string") throw argumentError(who, `${at}.role to be text`, role);
  if (asked !== undefined && asked !== null && !Array.isArray(asked))
    throw argumentError(who, `${at}.tool_calls to be a list of calls`, asked);
  const calls = asked?.length ? prepareToolCalls(who, asked, `${at}.tool_calls`) : undefined;
  const mayBeNull = role === "assistant" && calls !== undefined;
  const texts = textsOf(who, content, `${at}.content`, mayBeNull);
  const known = role === "developer" && !knowsDeveloper ? "system" : role;
  const fields = { ...message, role: known, tool_calls: calls };
  return { role, texts, hasParts: Array.isArray(content), fields };
}

function textsOf(who: string, content: unknown, at: string, mayBeNull: boolean): readonly string[] {
  if (typeof content === "string") return [content];
  if ((content === null || content === undefined) && mayBeNull) return [];
  if (!Array.isArray(content)) throw argumentError(who, `${at} to be text`, content);
  return content.map((part, i) => {
    if (part?.type === "text" && typeof part.text === "string") return part.text;
    throw argumentError(who, `${at}[${i}] to be a part of type "text"`, part?.type);
  });
}

function prepareToolCalls(who: string, calls: readonly unknown[], at: string): unknown[] {
  return calls.map((call, i) => {
    const called = Object(call).function;
    if (typeof called?.name !== "string") {
      throw argumentError(who, `${at}[${i}].function.name to be text`, called?.name);
    }
    const args = prepareArguments(who, called.arguments, `${at}[${i}].function.arguments`);
    return { ...Object(call), function: { ...called, arguments: args } };
  });
}

// Templates want objects, or join the text to theirs: this is both. Numbers print as Python would print them, which read the text with json.loads.
function prepareArguments(who: string, args: unknown, at: string): unknown {
  const isObject = typeof args === "object" && args !== null && !Array.isArray(args);
  const isNone = args === undefined || args === null || args === "";
  const text = isObject ? toJson(toValue(args)) : isNone ? "{}" : args;
  const node = typeof text === "string" ? parseJson(text) : undefined;
  if (node?.type === "object") return new SpelledJson(node, String(text));
  throw argumentError(who, `${at} to be a JSON object`, args);
}
