// Google's contents as chat messages. Its calls have ids only where the client keeps them: results find theirs by id, else by name and order.
import type { ChatMessage, ToolCallInput } from "../../../types/chat.js";
import { toContent } from "../chat-content.js";
import type { FieldReader } from "../field-reader.js";
import { badRequest } from "../request-error.js";
import { googleFields } from "./google-fields.js";
import { unsnake } from "./google-names.js";

/** @throws RequestError 400 naming the part */
export function readContents(reader: FieldReader, contents: unknown, at: string): ChatMessage[] {
  const said: Said = { reader, calls: 0, isNew: true, open: [], messages: [] };
  for (const [content, place] of listed(contents, at)) readContent(said, content, place);
  return said.messages.map(toMessage);
}

/** A content of text alone, of whatever role. */
export function readInstruction(reader: FieldReader, content: unknown, at: string): ChatMessage[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return [{ role: "system", content }];
  const { parts } = reader.read(googleFields.content, unsnake(content), at);
  const texts = readParts(reader, parts, `${at}.parts`).map((part) => {
    if (part.kind === "text") return part.text;
    throw badRequest(`${at}.parts: expected parts of text`, `${at}.parts`);
  });
  return texts.length === 0 ? [] : [{ role: "system", content: toContent(texts) }];
}

// --- internal ---

interface Said {
  readonly reader: FieldReader;
  calls: number;
  /** No part of this content was taken yet. */
  isNew: boolean;
  /** Calls without a result so far. */
  open: { readonly id: string; readonly name: string }[];
  readonly messages: Draft[];
}

interface Draft {
  readonly role: "user" | "assistant" | "tool" | "system";
  readonly texts: string[];
  readonly thoughts: string[];
  readonly calls: ToolCallInput[];
  readonly callId?: string;
}

type Part = { readonly kind: "text" | "thought"; readonly text: string } | CallPart | ResultPart;

interface CallPart {
  readonly kind: "call";
  readonly id: string | null;
  readonly name: string;
  readonly args: object;
}

interface ResultPart {
  readonly kind: "result";
  readonly id: string | null;
  readonly name: string;
  readonly text: string;
  readonly at: string;
}

type Role = "user" | "model" | "function" | "system";

function readContent(said: Said, content: unknown, at: string): void {
  if (typeof content === "string") {
    readPartsOf(said, "user", [{ kind: "text", text: content }], at);
    return;
  }
  const { role, parts } = said.reader.read(googleFields.content, unsnake(content), at);
  readPartsOf(said, role ?? "user", readParts(said.reader, parts, `${at}.parts`), at);
}

function readPartsOf(said: Said, role: Role, parts: readonly Part[], at: string): void {
  said.isNew = true;
  const chatRole = role === "model" ? "assistant" : role === "system" ? "system" : "user";
  // A user who says nothing has said so.
  if (parts.length === 0) draftOf(said, chatRole);
  for (const [n, part] of parts.entries()) {
    if (part.kind === "result") {
      if (role === "model") throw misplaced(part.at, "a result stands in a content of the user");
      said.messages.push({
        role: "tool",
        texts: [part.text],
        thoughts: [],
        calls: [],
        callId: close(said, part),
      });
      continue;
    }
    if (part.kind !== "text" && role !== "model")
      throw misplaced(`${at}.parts.${n}`, "calls and thoughts stand in a content of the model");
    const draft = draftOf(said, chatRole);
    if (part.kind === "call") draft.calls.push(open(said, part));
    else (part.kind === "text" ? draft.texts : draft.thoughts).push(part.text);
  }
}

/** What the model says in a row is one answer: a chat keeps each piece of a stream as a content of its own. */
function draftOf(said: Said, role: Draft["role"]): Draft {
  const { messages, isNew } = said;
  const last = messages.at(-1);
  said.isNew = false;
  if (last?.role === role && (role === "assistant" || !isNew)) return last;
  const draft: Draft = { role, texts: [], thoughts: [], calls: [] };
  messages.push(draft);
  return draft;
}

function open(said: Said, { id, name, args }: CallPart): ToolCallInput {
  const call = { id: id ?? `call_${said.calls}`, name };
  said.calls += 1;
  said.open.push(call);
  return { id: call.id, type: "function", function: { name, arguments: JSON.stringify(args) } };
}

function close(said: Said, { id, name, at }: ResultPart): string {
  const match =
    said.open.find((call) => id !== null && call.id === id) ?? said.open.find((call) => call.name === name);
  if (match === undefined) throw misplaced(at, `there is no call of ${name} before it that has no result`);
  said.open = said.open.filter((call) => call !== match);
  return match.id;
}

function misplaced(at: string, why: string) {
  return badRequest(`${at}: ${why}`, at);
}

function readParts(reader: FieldReader, parts: unknown, at: string): Part[] {
  return listed(parts ?? [], at).map(([from, place]) => readPart(reader, from, place));
}

function readPart(reader: FieldReader, from: unknown, at: string): Part {
  if (typeof from === "string") return { kind: "text", text: from };
  const { text, thought, functionCall, functionResponse } = reader.read(googleFields.part, unsnake(from), at);
  // A part is one thing on this wire: another beside it would vanish.
  const things = [text || null, functionCall, functionResponse].filter((thing) => thing != null);
  if (things.length > 1)
    throw badRequest(
      `${at}: expected one of text, functionCall and functionResponse, got ${things.length}`,
      at,
    );
  if (functionCall !== undefined && functionCall !== null) {
    const { id, name, args } = reader.read(
      googleFields.functionCall,
      unsnake(functionCall),
      `${at}.functionCall`,
    );
    return { kind: "call", id: id ?? null, name, args: args ?? {} };
  }
  if (functionResponse !== undefined && functionResponse !== null) {
    const place = `${at}.functionResponse`;
    const { id, name, response } = reader.read(
      googleFields.functionResponse,
      unsnake(functionResponse),
      place,
    );
    return { kind: "result", id: id ?? null, name, text: resultText(response, name), at: place };
  }
  if (typeof text !== "string") throw badRequest(`${at}: expected a part of text, a call or a result`, at);
  return { kind: thought ? "thought" : "text", text };
}

/** The one thing that a result says, where it says one thing; clients wrap a text in an object, since this wire wants one. */
function resultText(response: unknown, name: string): string {
  if (typeof response !== "object" || response === null)
    return response === undefined ? "" : String(response);
  const keys = Object.keys(response).filter((key) => !(key === "name" && Object(response).name === name));
  const [only, ...more] = keys;
  const value: unknown = only !== undefined && kWraps.has(only) ? Object(response)[only] : undefined;
  if (more.length > 0 || value === undefined) return JSON.stringify(response);
  return typeof value === "string" ? value : JSON.stringify(value);
}

const kWraps: ReadonlySet<string> = new Set(["output", "result", "content", "error"]);

/** One thing may stand for a list of one. */
function listed(value: unknown, at: string): readonly (readonly [unknown, string])[] {
  if (Array.isArray(value)) return value.map((item, i) => [item, `${at}.${i}`]);
  return [[value, at]];
}

function toMessage({ role, texts, thoughts, calls, callId }: Draft): ChatMessage {
  // Pieces of one answer; a user's parts stay parts.
  const content = role === "assistant" ? texts.join("") : toContent(texts);
  const reasoning = thoughts.join("");
  return {
    role,
    content: content === "" && calls.length > 0 ? null : content,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(reasoning === "" ? {} : { reasoning }),
    ...(callId === undefined ? {} : { tool_call_id: callId }),
  };
}
