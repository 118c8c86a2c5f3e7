// The items of a Responses request as chat messages: an answer's thought, text and calls, which are items of their own, are one message again, as
// they were sampled.
import type { ChatMessage, TextPart, ToolCallInput } from "../../../types/chat.js";
import { toContent } from "../chat-content.js";
import type { FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import type { ItemMemory } from "../item-memory.js";
import { badRequest } from "../request-error.js";
import { itemFields } from "./item-fields.js";

/**
 * @param items  the whole conversation
 * @param from  where those begin that the request itself has
 * @throws RequestError 400 naming the item
 */
export function toMessages(
  reader: FieldReader,
  memory: ItemMemory,
  items: readonly unknown[],
  from: number,
): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  let open: OpenAnswer | undefined;
  const close = (): void => {
    if (open !== undefined) messages.push(toAnswer(open));
    open = undefined;
  };
  items.forEach((given, i) => {
    const at = `input.${Math.max(i - from, 0)}`;
    const item = resolved(reader, memory, given, at);
    const type = typeOf(item);
    if (type === "function_call") {
      open ??= kNothingSaid;
      open = { ...open, calls: [...open.calls, toCall(reader, item, at)] };
      return;
    }
    if (type === "reasoning") {
      close();
      open = { ...kNothingSaid, reasoning: toThought(reader, item, at) };
      return;
    }
    if (type === "message" && Object(item).role === "assistant") {
      if (open?.content !== null || open.calls.length > 0) close();
      open = { ...(open ?? kNothingSaid), content: toMessage(reader, item, at).content ?? "" };
      return;
    }
    close();
    if (type === "message") messages.push(toMessage(reader, item, at));
    else if (type === "function_call_output") messages.push(toResult(reader, item, at));
    else throw notServed(`${at}.type`, type, kServed);
  });
  close();
  return messages;
}

// --- internal ---

const kServed = "served are message, function_call, function_call_output, reasoning and item_reference";

/** An answer whose items are still coming. */
interface OpenAnswer {
  readonly reasoning: string;
  readonly content: ChatMessage["content"];
  readonly calls: readonly ToolCallInput[];
}

const kNothingSaid: OpenAnswer = { reasoning: "", content: null, calls: [] };

function toAnswer({ reasoning, content, calls }: OpenAnswer): ChatMessage {
  return {
    role: "assistant",
    content: calls.length === 0 ? (content ?? "") : (content ?? null),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(reasoning === "" ? {} : { reasoning }),
  };
}

/** Clients leave the type of messages out, and that of references too. */
function typeOf(item: unknown): unknown {
  const { type, role } = Object(item);
  return type ?? (role === undefined ? "item_reference" : "message");
}

function resolved(reader: FieldReader, memory: ItemMemory, item: unknown, at: string): unknown {
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw badRequest(`${at}: expected an item`, at);
  if (typeOf(item) !== "item_reference") return item;
  const { id } = reader.read(itemFields.reference, item, at);
  const known = memory.get(id);
  if (known !== undefined) return known;
  const message = `${at}.id: expected an item of this rollout's answers, got ${JSON.stringify(id)}; send the item itself`;
  throw badRequest(message, `${at}.id`, "item_not_found");
}

function toMessage(reader: FieldReader, item: unknown, at: string): ChatMessage {
  const { role, content } = reader.read(itemFields.message, item, at);
  return { role, content: readContent(reader, content, `${at}.content`) };
}

function toCall(reader: FieldReader, item: unknown, at: string): ToolCallInput {
  const { call_id, name, arguments: args } = reader.read(itemFields.call, item, at);
  return { id: call_id, type: "function", function: { name, arguments: args } };
}

function toResult(reader: FieldReader, item: unknown, at: string): ChatMessage {
  const { call_id, output } = reader.read(itemFields.output, item, at);
  return { role: "tool", tool_call_id: call_id, content: readContent(reader, output, `${at}.output`) };
}

/** What was thought; where it was not sent back, its summary. */
function toThought(reader: FieldReader, item: unknown, at: string): string {
  const { content, summary } = reader.read(itemFields.reasoning, item, at);
  const [name, parts] = content?.length ? ["content", content] : ["summary", summary ?? []];
  return parts.map((part, i) => readPart(reader, part, `${at}.${name}.${i}`, kThoughtParts)).join("\n\n");
}

function readContent(
  reader: FieldReader,
  content: string | readonly unknown[],
  at: string,
): string | TextPart[] {
  if (typeof content === "string") return content;
  return toContent(content.map((part, i) => readPart(reader, part, `${at}.${i}`, kTextParts)));
}

function readPart(reader: FieldReader, part: unknown, at: string, types: ReadonlySet<unknown>): string {
  const type: unknown = Object(part).type;
  if (typeof type === "string" && !types.has(type))
    throw notServed(`${at}.type`, type, "only text parts are served");
  return reader.read(itemFields.part, part, at).text;
}

const kTextParts: ReadonlySet<unknown> = new Set(["input_text", "output_text", "text"]);
const kThoughtParts: ReadonlySet<unknown> = new Set(["summary_text", "reasoning_text"]);
