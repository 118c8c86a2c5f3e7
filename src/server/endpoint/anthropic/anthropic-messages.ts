// Anthropic's system prompt and messages as chat messages. A user's message of several kinds of blocks becomes as many messages, in their order.
import type { z } from "zod";
import type { ChatMessage, TextPart } from "../../../types/chat.js";
import { toContent } from "../chat-content.js";
import type { FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { badRequest } from "../request-error.js";
import { anthropicFields } from "./anthropic-fields.js";

export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** Tools that results refer to by name. */
  readonly named: ReadonlySet<string>;
}

/** @throws RequestError 400 naming the block */
export function readConversation(
  reader: FieldReader,
  { system, messages }: Pick<z.infer<typeof anthropicFields.body.served>, "system" | "messages">,
): Conversation {
  const said: Said = { reader, calls: new Set(), named: new Set() };
  const lead = textOf(said, system ?? "", "system");
  const all = messages.flatMap((from, i) => readMessage(said, from, `messages.${i}`));
  return {
    messages: [...(lead.length > 0 ? [{ role: "system", content: lead }] : []), ...all],
    named: said.named,
  };
}

// --- internal ---

/** What came before in the conversation. */
interface Said {
  readonly reader: FieldReader;
  /** Ids of calls. */
  readonly calls: Set<string>;
  readonly named: Set<string>;
}

function readMessage(said: Said, from: unknown, at: string): ChatMessage[] {
  const { role, content } = said.reader.read(anthropicFields.message, from, at);
  if (role === "assistant") return [readAssistant(said, content, `${at}.content`)];
  if (role === "system") return [{ role, content: textOf(said, content, `${at}.content`) }];
  return readUser(said, content, `${at}.content`);
}

function readUser(said: Said, content: string | readonly unknown[], at: string): ChatMessage[] {
  if (typeof content === "string") return [{ role: "user", content }];
  const messages: ChatMessage[] = [];
  let texts: string[] = [];
  const flush = () => {
    if (texts.length > 0) messages.push({ role: "user", content: toContent(texts) });
    texts = [];
  };
  content.forEach((block, i) => {
    const place = `${at}.${i}`;
    const type = typeOf(block, place);
    if (type === "text") texts.push(readText(said, block, place));
    else if (type === "tool_result") {
      flush();
      messages.push(readResult(said, block, place));
    } else throw notServed(`${place}.type`, type, "blocks of a user are text and tool_result");
  });
  flush();
  return messages.length > 0 ? messages : [{ role: "user", content: "" }];
}

function readResult({ reader, calls, named }: Said, block: unknown, at: string): ChatMessage {
  const { tool_use_id, content, is_error } = reader.read(anthropicFields.toolResult, block, at);
  if (!calls.has(tool_use_id))
    throw badRequest(
      `${at}.tool_use_id: expected the id of an earlier tool_use, got ${JSON.stringify(tool_use_id)}`,
      `${at}.tool_use_id`,
    );
  const texts = typeof content === "string" ? [content] : (content ?? []).map(readPart);
  return { role: "tool", tool_call_id: tool_use_id, content: toContent(is_error ? withError(texts) : texts) };

  function readPart(part: unknown, i: number): string {
    const place = `${at}.content.${i}`;
    const type = typeOf(part, place);
    if (type === "text") return reader.read(anthropicFields.text, part, place).text;
    if (type !== "tool_reference")
      throw notServed(`${place}.type`, type, "blocks of a result are text and tool_reference");
    const { tool_name } = reader.read(anthropicFields.toolReference, part, place);
    named.add(tool_name);
    return tool_name;
  }
}

/** A chat template has no place for the mark of a failure: the text says it, unless it does already. */
function withError([text = "", ...rest]: readonly string[]): string[] {
  return [/^\W*error\b/i.test(text) ? text : `Error: ${text}`.trimEnd(), ...rest];
}

function readAssistant(said: Said, content: string | readonly unknown[], at: string): ChatMessage {
  const { reader, calls } = said;
  if (typeof content === "string") return { role: "assistant", content };
  const [texts, thoughts, uses]: [string[], string[], NonNullable<ChatMessage["tool_calls"]>[number][]] = [
    [],
    [],
    [],
  ];
  content.forEach((block, i) => {
    const place = `${at}.${i}`;
    const type = typeOf(block, place);
    if (type === "text") texts.push(readText(said, block, place));
    else if (type === "thinking") thoughts.push(reader.read(anthropicFields.thinking, block, place).thinking);
    else if (type === "tool_use") {
      const { id, name, input } = reader.read(anthropicFields.toolUse, block, place);
      calls.add(id);
      uses.push({ id, type: "function", function: { name, arguments: JSON.stringify(input) } });
    } else throw notServed(`${place}.type`, type, "blocks of an assistant are text, thinking and tool_use");
  });
  // Pieces of one answer.
  const text = texts.join("");
  const reasoning = thoughts.join("\n");
  return {
    role: "assistant",
    content: text === "" && uses.length > 0 ? null : text,
    ...(uses.length > 0 ? { tool_calls: uses } : {}),
    ...(reasoning === "" ? {} : { reasoning }),
  };
}

function textOf(said: Said, content: string | readonly unknown[], at: string): string | TextPart[] {
  if (typeof content === "string") return content;
  return toContent(
    content.map((block, i) => {
      const type = typeOf(block, `${at}.${i}`);
      if (type !== "text") throw notServed(`${at}.${i}.type`, type, "blocks of instructions are text");
      return readText(said, block, `${at}.${i}`);
    }),
  );
}

function readText({ reader }: Said, block: unknown, at: string): string {
  return reader.read(anthropicFields.text, block, at).text;
}

function typeOf(block: unknown, at: string): string {
  const type: unknown = Object(block).type;
  if (typeof type === "string") return type;
  throw badRequest(`${at}.type: expected the type of a block`, `${at}.type`);
}
