// Public chat templates against what Python's jinja2 made of them (test/fixtures/jinja/record.py): letter by letter, or refused where the text of a
// message is not in Python's prompt either.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileJinja } from "../../../src/jinja/jinja.js";
import { loadChatTemplate, type RenderChatOptions } from "../../../src/policy/chat/chat-template.js";
import type { ChatMessage } from "../../../src/types/chat.js";
import { temporaryFolder } from "../fixture-models.js";

interface Result {
  readonly text?: string;
  readonly error?: string;
}

interface Row extends Result {
  readonly template: string;
  readonly conversation: string;
  /** With contents in parts as they were given; the row's own is with their texts joined. */
  readonly parts?: Result;
  /** With every content in parts, where the template drops text. */
  readonly allParts?: Result;
}

interface Conversation extends RenderChatOptions {
  readonly messages: readonly ChatMessage[];
}

const folder = new URL("../../fixtures/jinja/", import.meta.url);
const recorded: {
  readonly conversations: Readonly<Record<string, Conversation>>;
  readonly rows: readonly Row[];
} = JSON.parse(readFileSync(new URL("chat.json", folder), "utf8"));

const sourceOf = (name: string) => readFileSync(new URL(`templates/${name}.jinja`, folder), "utf8");

function rendered(row: Row): string {
  const { messages = [], ...options } = recorded.conversations[row.conversation] ?? {};
  const dir = temporaryFolder({
    "chat_template.jinja": sourceOf(row.template),
    "tokenizer_config.json": { bos_token: "<s>", eos_token: "</s>" },
  });
  try {
    return loadChatTemplate(dir).render(messages as readonly ChatMessage[], options as RenderChatOptions);
  } catch (error) {
    return `! ${(error as Error).message}`;
  }
}

/** What Python printed of the conversation in the form that the template takes. */
function expectedOf(row: Row): Result {
  if (row.allParts !== undefined) return row.allParts;
  return row.parts !== undefined && compileJinja(sourceOf(row.template)).loopsOver("content")
    ? row.parts
    : row;
}

/** Rows whose messages Python's prompt does not have: templates without a place for a tool's result, for example. */
const dropping: readonly (readonly [template: string, conversation: string, message: number])[] = [
  ["cohere2", "a call", 2],
  ["phi3", "a call", 2],
  ["phi3", "a call, answered", 3],
  ["phi3_5", "a call", 2],
  ["phi3_5", "a call, answered", 3],
];

const isDropping = ({ template, conversation }: Row) =>
  dropping.some(([name, other]) => name === template && other === conversation);

describe("a public template", () => {
  const names = [...new Set(recorded.rows.map(({ template }) => template))];
  it.each(names)("%s renders every conversation as in Python", (name) => {
    const rows = recorded.rows.filter((row) => row.template === name && !isDropping(row));
    expect(rows.length).toBeGreaterThan(5);
    for (const row of rows) {
      const { text } = expectedOf(row);
      const got = rendered(row);
      if (text === undefined) expect(got, row.conversation).toMatch(/^! /);
      else expect(got, row.conversation).toBe(text);
    }
  });

  it.each(dropping)(
    "%s drops the tool's result of %s, and is refused by its place",
    (name, conversation, message) => {
      const row = recorded.rows.find((each) => each.template === name && each.conversation === conversation);
      const { content } = recorded.conversations[conversation]!.messages[message]!;
      expect(row?.text).not.toContain(content);
      expect(row?.text).not.toContain(JSON.stringify(content).slice(1, -1));
      expect(rendered(row!)).toContain(`messages[${message}] (role "tool"), got a prompt without its text`);
    },
  );
});
