// What is wrong with a request, in the words of pydantic 2, which 0.3's server uses: clients and dashboards read its `detail`.
import type { z } from "zod";

export interface Detail {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** In place of a body's parts, which may be secrets, where answers end in logs. */
export const kUnsaid = "...";

/** @param place  where the value came from; a query's missing field has no input to show */
export function toDetails(error: z.ZodError, value: unknown, place: "body" | "query"): Detail[] {
  // A body can be wrong in more ways than anyone reads.
  return error.issues.slice(0, kMaxDetails).map((issue) => {
    const path = issue.path.filter((key) => typeof key !== "symbol");
    const detail = { ...describe(issue, path, value, place), loc: [place, ...path] };
    if (issue.code === "invalid_union") detail.loc.pop();
    const isOurs = detail.input === undefined || detail.input === null;
    return isOurs || (place === "query" && isSmall(detail.input)) ? detail : { ...detail, input: kUnsaid };
  });
}

/** Of a body that had to be there. */
export function missingBody(): Detail {
  return { type: "missing", loc: ["body"], msg: "Field required", input: null };
}

// --- internal ---

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];
type Description = Omit<Detail, "loc">;

const kMaxDetails = 50;

function describe(issue: Issue, path: Path, value: unknown, place: "body" | "query"): Description {
  const input = at(value, path);
  const parent = at(value, path.slice(0, -1));
  if (issue.code === "invalid_union" && "discriminator" in issue) return describeTag(issue, parent, input);
  if (input === undefined && path.length > 0)
    return { type: "missing", msg: "Field required", input: place === "query" ? null : parent };
  if (issue.code === "invalid_value") {
    const expected = showChoices(issue.values.map((choice) => `'${String(choice)}'`));
    return { type: "literal_error", msg: `Input should be ${expected}`, input, ctx: { expected } };
  }
  if (issue.code === "invalid_type") return { ...describeType(issue.expected, input, path.length), input };
  if (issue.code === "too_small") {
    const ge = Number(issue.minimum);
    return {
      type: "greater_than_equal",
      msg: `Input should be greater than or equal to ${ge}`,
      input,
      ctx: { ge },
    };
  }
  return { type: "value_error", msg: issue.message, input };
}

// The tag is the last key of the issue's path, which pydantic leaves out.
function describeTag(issue: Issue & { code: "invalid_union" }, parent: unknown, tag: unknown): Description {
  const discriminator = `'${String(issue.discriminator)}'`;
  if (typeof tag !== "string")
    return {
      type: "union_tag_not_found",
      msg: `Unable to extract tag using discriminator ${discriminator}`,
      input: parent,
      ctx: { discriminator },
    };
  const options = "options" in issue ? (issue.options ?? []) : [];
  const expected_tags = options.map((option) => `'${String(option)}'`).join(", ");
  return {
    type: "union_tag_invalid",
    msg: `Input tag found using ${discriminator} does not match any of the expected tags: ${expected_tags}`,
    input: parent,
    ctx: { discriminator, tag: kUnsaid, expected_tags },
  };
}

function describeType(expected: string, input: unknown, depth: number): Omit<Description, "input"> {
  if (expected === "int" && typeof input === "string")
    return {
      type: "int_parsing",
      msg: "Input should be a valid integer, unable to parse string as an integer",
    };
  if (expected === "object" && depth === 0)
    return {
      type: "model_attributes_type",
      msg: "Input should be a valid dictionary or object to extract fields from",
    };
  const [type, what] = kTypes[expected] ?? ["value_error", `valid ${expected}`];
  return { type, msg: `Input should be a ${what}` };
}

const kTypes: Readonly<Record<string, readonly [string, string]>> = {
  string: ["string_type", "valid string"],
  number: ["float_type", "valid number"],
  int: ["int_type", "valid integer"],
  boolean: ["bool_type", "valid boolean"],
  array: ["list_type", "valid list"],
  record: ["dict_type", "valid dictionary"],
  object: ["dict_type", "valid dictionary"],
};

function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string | number, unknown>>)[key];
  }
  return found;
}

// 'train', 'val' or 'test'
function showChoices(choices: readonly string[]): string {
  if (choices.length < 2) return choices.join("");
  return `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

/** Few values and short strings: worth sending back. */
function isSmall(input: unknown): boolean {
  let left = 2000;
  const visit = (value: unknown): boolean => {
    left -= typeof value === "string" ? value.length : 8;
    if (left < 0) return false;
    if (typeof value !== "object" || value === null) return true;
    for (const key in value) {
      left -= key.length;
      if (!visit((value as Readonly<Record<string, unknown>>)[key])) return false;
    }
    return true;
  };
  return visit(input);
}
