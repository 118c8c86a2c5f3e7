// A Responses request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's.
import type { z } from "zod";
import type { AskedOutput, CallRequest } from "../../../types/call-request.js";
import { createFieldReader, type FieldReader } from "../field-reader.js";
import type { ItemMemory } from "../item-memory.js";
import { badRequest } from "../request-error.js";
import { toSampling } from "../sampling-fields.js";
import { toTemplate } from "../template-variables.js";
import { toMessages } from "./input-items.js";
import { responseFields } from "./response-fields.js";
import { wholeInput } from "./response-memory.js";
import { toTools } from "./response-tools.js";

/** What of a request its answer repeats and what is remembered of it. */
export interface ResponseWire {
  readonly body: ResponseBody;
  /** The whole conversation, as items. */
  readonly input: readonly unknown[];
}

export type ResponseBody = z.infer<typeof responseFields.body.served>;

/** @throws RequestError 400 naming the field */
export function parseResponseRequest(value: unknown, memory: ItemMemory): CallRequest {
  const reader = createFieldReader();
  const body = reader.read(responseFields.body, value, "");
  if (body.reasoning != null) reader.read(responseFields.reasoning, body.reasoning, "reasoning");
  const own = typeof body.input === "string" ? [{ role: "user", content: body.input }] : (body.input ?? []);
  const input = wholeInput(memory, body.previous_response_id ?? null, own);
  const said = toMessages(reader, memory, input, input.length - own.length);
  const lead = body.instructions ? [{ role: "system", content: body.instructions }] : [];
  const messages = [...lead, ...said];
  if (said.length === 0) throw badRequest("input: expected text or items, got none", "input");
  const wire: ResponseWire = { body, input };
  return {
    dialect: "openai.response",
    model: body.model,
    messages,
    ...toTools(reader, body.tools ?? [], body.tool_choice),
    parallelToolCalls: body.parallel_tool_calls ?? true,
    output: toOutput(reader, body.text),
    sampling: { ...toSampling(body), maxTokens: body.max_output_tokens ?? null, stop: null },
    n: 1,
    stream: body.stream ?? false,
    logprobs: toLogprobs(body),
    tokenIds: body.return_token_ids ?? false,
    template: toTemplate(body.chat_template_kwargs ?? {}),
    ignored: reader.ignored(),
    wire,
  };
}

// --- internal ---

function toOutput(reader: FieldReader, text: unknown): AskedOutput {
  const { format } = text == null ? {} : reader.read(responseFields.text, text, "text");
  if (format === undefined || format === null) return { kind: "text" };
  const { type, name, schema } = reader.read(responseFields.format, format, "text.format");
  if (type === "text") return { kind: "text" };
  if (type === "json_object") return { kind: "json" };
  if (name == null || schema == null)
    throw badRequest("text.format: expected name and schema beside json_schema", "text.format");
  return { kind: "schema", name, schema };
}

function toLogprobs({ include, top_logprobs }: ResponseBody): number | null {
  const isIncluded = include?.includes("message.output_text.logprobs") ?? false;
  return isIncluded || top_logprobs ? (top_logprobs ?? 0) : null;
}
