// What a call's sample is held to, for the form that it demands of its answer: JSON, a schema, calls of tools. A thought comes first where the
// prompt has begun one, or the model knows how to.
import { LightningError } from "../../base/error.js";
import {
  choice,
  composeGrammar,
  embedded,
  jsonValue,
  type Part,
  repeat,
  sequence,
  text,
} from "../../grammar/compose.js";
import type { Policy, SampleOptions } from "../../policy/policy.js";
import { callGrammar, type ThoughtRoom, tagsBy, withThought } from "../../policy/tool-calls/call-grammar.js";
import { kThoughtEnd } from "../../policy/tool-calls/thought-place.js";
import type { CallRequest } from "../../types/call-request.js";
import type { DialectFields } from "./dialect.js";
import type { SplicedPrompt } from "./id-splicing.js";
import { badRequest } from "./request-error.js";

/** @throws RequestError naming the field of the dialect, for a tool that must be called and is not offered */
export function checkConstraint({ tools, toolChoice }: CallRequest, fields: DialectFields): void {
  const field = fields.toolChoice;
  if (toolChoice === "required" && tools.length === 0)
    throw badRequest(`${field}: expected tools beside "required", got none`, field);
  if (typeof toolChoice === "string" || tools.some((tool) => tool.function.name === toolChoice.name)) return;
  const names = tools.map((tool) => JSON.stringify(tool.function.name)).join(", ") || "none";
  throw badRequest(
    `${field}: expected one of the tools (${names}), got ${JSON.stringify(toolChoice.name)}`,
    field,
  );
}

export type AnswerConstraint = Pick<SampleOptions, "constraint" | "constraintAfter">;

/** @throws RequestError for a schema that cannot be enforced, naming the dialect's field, the keyword and its path */
export async function answerConstraint(
  policy: Pick<Policy, "constrain" | "tokenizer" | "toolCalls">,
  request: CallRequest,
  prompt: SplicedPrompt,
  fields: DialectFields,
): Promise<AnswerConstraint> {
  const demand = demandOf(request);
  if (demand === undefined) return {};
  const room = thoughtRoom(policy, prompt);
  const isSchema = demand.calls === null && room === "none";
  try {
    const constraint = await policy.constrain(
      isSchema
        ? (demand.schema ?? {})
        : {
            key: JSON.stringify([room, policy.toolCalls, request.parallelToolCalls, demand]),
            grammar: () =>
              composeGrammar(behindThought(answerPart(policy, request, demand, fields), room, policy)),
          },
    );
    return room === "open" ? { constraint, constraintAfter: kThoughtEnd } : { constraint };
  } catch (error) {
    throw refused(error, outputField(request, fields));
  }
}

// --- internal ---

interface Demand {
  /** null: the answer is no JSON. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** null: calls are none of the answer's forms. */
  readonly calls: { readonly choice: CallRequest["toolChoice"]; readonly tools: CallRequest["tools"] } | null;
}

/** A form that is asked for beside tools is that of answers without calls. */
function demandOf({ output, tools, toolChoice }: CallRequest): Demand | undefined {
  const schema = output.kind === "text" ? null : output.kind === "json" ? { type: "object" } : output.schema;
  if (tools.length === 0 || toolChoice === "none")
    return schema === null ? undefined : { schema, calls: null };
  const calls = { choice: toolChoice, tools };
  if (toolChoice !== "auto") return { schema: null, calls };
  if (schema !== null) return { schema, calls: { choice: "required", tools } };
  return tools.some((tool) => tool.function.strict === true) ? { schema, calls } : undefined;
}

/** JSON, or calls, or either. */
function answerPart(
  { toolCalls, tokenizer }: Pick<Policy, "tokenizer" | "toolCalls">,
  { parallelToolCalls: parallel }: CallRequest,
  { schema, calls }: Demand,
  fields: DialectFields,
): Part {
  const parts: Part[] = schema === null ? [] : [jsonValue(schema)];
  if (calls !== null && calls.choice !== "none") {
    const options = { choice: calls.choice, parallel, thought: "none", idOf: tokenizer.idOf } as const;
    try {
      parts.push(embedded(callGrammar(toolCalls ?? "hermes", calls.tools, options)));
    } catch (error) {
      throw refused(error, fields.tools);
    }
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : choice(...parts);
}

/** A model that thinks has a token for the end of thoughts; a prompt may end behind a thought that it left empty. */
function thoughtRoom({ tokenizer }: Pick<Policy, "tokenizer">, prompt: SplicedPrompt): ThoughtRoom {
  if (prompt.inThought) return "open";
  if (tokenizer.idOf(kThoughtEnd) === undefined) return "none";
  return prompt.text.trimEnd().endsWith(kThoughtEnd) ? "none" : "may";
}

/** A thought that the prompt began is over when the constraint begins; models write line breaks behind it. */
function behindThought(answer: Part, room: ThoughtRoom, { tokenizer }: Pick<Policy, "tokenizer">): Part {
  if (room === "open") return sequence(repeat(text("\n"), 0, 2), answer);
  return withThought(answer, room, tagsBy(tokenizer.idOf));
}

function outputField({ output }: CallRequest, fields: DialectFields): string {
  return (output.kind === "schema" ? output.at : undefined) ?? fields.output;
}

/** What is wrong with a schema, as a refusal of the field that it came in. */
function refused(error: unknown, field: string): unknown {
  if (!(error instanceof LightningError) || error.code !== "E_ARGUMENT") return error;
  return badRequest(
    error.message.replace(/^(?:[\w.]*constrain: )+/, `${field}: `),
    field,
    "invalid_json_schema",
  );
}
