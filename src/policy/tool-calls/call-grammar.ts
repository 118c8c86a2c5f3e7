// What an answer may be that calls tools: calls in a family's own form, with arguments by the tools' schemas, after a thought where there may be one.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { combineAutomata } from "../../grammar/automaton.js";
import {
  choice,
  composeGrammar,
  embedded,
  jsonValue,
  markerStates,
  optional,
  type Part,
  repeat,
  sequence,
  text,
  textWithout,
  token,
} from "../../grammar/compose.js";
import type { Grammar } from "../../grammar/grammar.js";
import { anyJsonObject } from "../../grammar/schema-to-grammar.js";
import type { ToolDefinition } from "../../types/chat.js";
import type { CallForm, WritableTool, WriteMeans } from "./call-form.js";
import { callForms, type ToolCallFamily } from "./call-forms.js";
import { kThoughtEnd, kThoughtStart } from "./thought-place.js";

export interface CallGrammarOptions {
  /** "required": an answer is a call; a name: of that tool; "auto": it is text, or text and calls. */
  readonly choice: "auto" | "required" | { readonly name: string };
  /** Several calls may stand in one answer. */
  readonly parallel: boolean;
  readonly thought: ThoughtRoom;
  /** The vocabulary's token for a tag, where it has one. Default: none is known, and tags are text. */
  readonly idOf?: (tag: string) => number | undefined;
}

/** "none": no thought; "may": the answer may begin with one; "open": it begins in one, which the prompt opened. */
export type ThoughtRoom = "none" | "may" | "open";

/**
 * The arguments of a strict tool are by its schema, and so are those of others, unless their schema cannot be enforced: then any object.
 * @throws E_ARGUMENT when no tool has the name, for a name that the family's form cannot hold, or for a strict tool whose schema cannot be enforced, with the keyword and its path
 */
export function callGrammar(
  family: ToolCallFamily,
  tools: readonly ToolDefinition[],
  options: CallGrammarOptions,
): Grammar {
  const form = callForms[family];
  const { choice: asked, parallel, thought, idOf = () => undefined } = options;
  const tag = tagsBy(idOf);
  const means = createMeans(parallel, tag);
  const chosen =
    typeof asked === "string" ? tools : tools.filter((tool) => tool.function.name === asked.name);
  if (chosen.length === 0)
    throw argumentError("toolChoice", "the name of a tool that is offered", Object(asked).name ?? asked);
  const calls = form.write(
    chosen.map((tool) => toWritable(form, tool, means)),
    means,
  );
  const answer = asked === "auto" ? textOrCalls(form, calls) : calls;
  return composeGrammar(withThought(answer, thought, tag));
}

/** Tags as the vocabulary's tokens for them, where it has one. */
export function tagsBy(idOf: (tag: string) => number | undefined): (tag: string) => Part {
  return (written) => {
    const id = idOf(written);
    return id === undefined ? text(written) : token(id);
  };
}

/** The part after a thought, where there may be one. */
export function withThought(part: Part, thought: ThoughtRoom, tag: (text: string) => Part): Part {
  const rest = sequence(textWithout(kThoughtEnd), tag(kThoughtEnd), repeat(text("\n"), 0, 2), part);
  if (thought === "open") return rest;
  return thought === "may" ? choice(part, sequence(tag(kThoughtStart), rest)) : part;
}

// --- internal ---

function createMeans(isParallel: boolean, tag: WriteMeans["tag"]): WriteMeans {
  const known = new Map<WritableTool["parameters"], Part>();
  return {
    isParallel,
    tag,
    json({ parameters }) {
      const part =
        known.get(parameters) ?? (parameters === null ? embedded(anyJsonObject()) : jsonValue(parameters));
      known.set(parameters, part);
      return part;
    },
  };
}

function toWritable(form: CallForm, { function: tool }: ToolDefinition, means: WriteMeans): WritableTool {
  const { name, strict } = tool;
  if (form.names !== undefined && !form.names.test(name))
    throw argumentError("tools", `names that calls in this model's form can hold (${form.names})`, name);
  const own = { name, parameters: { ...tool.parameters, type: "object" } };
  try {
    checkType(tool);
    form.write([own], means);
    return own;
  } catch (error) {
    if (!(error instanceof LightningError) || error.code !== "E_ARGUMENT") throw error;
    if (strict !== true) return { name, parameters: null };
    // Of a schema: a path within it says nothing of whose it is.
    const message = error.message.replace(/^constrain: /, `tools: ${name}.parameters: `);
    throw new LightningError("E_ARGUMENT", message);
  }
}

/** Arguments are an object, whatever else the schema allows. */
function checkType({ name, parameters }: ToolDefinition["function"]): void {
  const type: unknown = parameters?.type ?? "object";
  if (type === "object" || (Array.isArray(type) && type.includes("object"))) return;
  throw argumentError("tools", `${name}.parameters.type to be "object"`, type);
}

function textOrCalls(form: CallForm, calls: Part): Part {
  if (form.isBare) return choice(calls, textBeside(form));
  return sequence(textBeside(form), optional(calls));
}

/** Text in which no call begins. */
function textBeside({ marks, isBare }: CallForm): Part {
  let states = marks.map((mark) => markerStates(mark, false)).reduce(both);
  if (isBare) states = both(states, kNoObject);
  return () => ({ kind: "automaton", states });
}

type States = ReturnType<typeof markerStates>;

function both(a: States, b: States): States {
  return combineAutomata(a, b, "both", Number.POSITIVE_INFINITY) ?? [];
}

/** Text that does not begin with a brace, white space apart. */
const kNoObject: States = [
  {
    accepts: true,
    edges: [
      [0x00, 0x08, 1],
      [0x09, 0x0d, 0],
      [0x0e, 0x1f, 1],
      [0x20, 0x20, 0],
      [0x21, 0x7a, 1],
      [0x7c, 0xd7ff, 1],
      [0xe000, 0x10ffff, 1],
    ],
  },
  {
    accepts: true,
    edges: [
      [0x00, 0xd7ff, 1],
      [0xe000, 0x10ffff, 1],
    ],
  },
];
