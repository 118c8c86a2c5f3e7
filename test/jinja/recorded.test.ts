// Small templates against what Python's jinja2 made of them, set up as transformers sets it up (test/fixtures/jinja/record.py).
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type JsonNode, parseJson } from "../../src/base/json-text.js";
import { compileJinja } from "../../src/jinja/jinja.js";
import { strftime } from "../../src/jinja/strftime.js";
import { SpelledJson } from "../../src/jinja/values.js";

interface Recorded {
  readonly source: string;
  readonly text?: string;
  /** The kind of Python's error. */
  readonly error?: string;
}

const file = readFileSync(new URL("../fixtures/jinja/small.json", import.meta.url), "utf8");
const { cases }: { readonly cases: readonly Recorded[] } = JSON.parse(file);
const variables = {
  ...Object.fromEntries(
    [...fieldsOf(parseJson(file), "context")].map(([name, node]) => [name, new SpelledJson(node)]),
  ),
  strftime_now: (format: string) => strftime(new Date("2024-07-26T00:00:00Z"), format),
};

function fieldsOf(node: JsonNode | undefined, name: string): ReadonlyMap<string, JsonNode> {
  const field = node?.type === "object" ? node.fields.get(name) : undefined;
  return field?.type === "object" ? field.fields : new Map();
}

/** The text, or the error as "! message". */
function rendered(source: string): string {
  try {
    return compileJinja(source).render(variables);
  } catch (error) {
    return `! ${(error as Error).message}`;
  }
}

/** What Python renders and we refuse by name. */
const refused: Readonly<Record<string, string>> = {
  "{{ '\\N{BULLET}' }}": "cannot be read",
  "{{ text.encode() }}": "encode of text is not served",
  "{{ 7 is sameas 7 }}": "sameas is not served",
  "{{ self is defined }}": "self, which holds a template's blocks, is not served",
};

it("small templates render as in Python, letter by letter", () => {
  const texts = cases.filter(({ source, text }) => text !== undefined && refused[source] === undefined);
  expect(texts.length).toBeGreaterThan(2000);
  const different = texts.map(({ source, text }) => ({ source, want: text, got: rendered(source) }));
  expect(different.filter(({ want, got }) => want !== got)).toEqual([]);
});

it("small templates that Python refuses are refused", () => {
  const errors = cases.filter(({ error }) => error !== undefined);
  expect(errors.length).toBeGreaterThan(500);
  expect(errors.filter(({ source }) => !rendered(source).startsWith("! "))).toEqual([]);
});

it.each(Object.entries(refused))("%s, which Python renders, is refused by name", (source, message) => {
  expect(cases.find((each) => each.source === source)?.text).toBeDefined();
  expect(rendered(source)).toContain(message);
});
