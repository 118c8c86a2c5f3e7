// An Anthropic messages request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's.
import type { z } from "zod";
import { requestedModel } from "../../../tracing/model-api.js";
import type { AskedOutput, CallRequest, ToolChoice } from "../../../types/call-request.js";
import type { ToolDefinition } from "../../../types/chat.js";
import type { ModelRequest } from "../../../types/model-call.js";
import { createFieldReader, type FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { toFunctionTool } from "../function-tool.js";
import type { ItemMemory } from "../item-memory.js";
import { jsonBody } from "../json-body.js";
import { badRequest } from "../request-error.js";
import { anthropicFields } from "./anthropic-fields.js";
import { readConversation } from "./anthropic-messages.js";
import { readThread } from "./anthropic-thread.js";

/** @throws RequestError 400 naming the field */
export function parseAnthropicRequest(request: ModelRequest, memory: ItemMemory): CallRequest {
  const { pathname } = new URL(request.url);
  const value = jsonBody(request);
  const reader = createFieldReader();
  const { whole: body, wire } = readThread(reader, reader.read(anthropicFields.body, value, ""), memory);
  const model = requestedModel(pathname, value);
  if (model === null) throw badRequest("model: expected the name of a model", "model");
  const { messages, named } = readConversation(reader, body);
  const { toolChoice, parallelToolCalls } = readToolChoice(reader, body.tool_choice);
  const tools = readTools(reader, body.tools ?? [], named);
  checkChoice(toolChoice, tools);
  return {
    ...{ dialect: "anthropic.message", model, messages, toolChoice, parallelToolCalls },
    tools: toolChoice === "none" ? [] : tools,
    output: readOutput(reader, body),
    sampling: {
      ...{ temperature: body.temperature ?? null, topP: body.top_p ?? null, topK: body.top_k ?? null },
      ...{ minP: null, maxTokens: body.max_tokens ?? null, stopTokenIds: null },
      stop: body.stop_sequences?.length ? body.stop_sequences : null,
    },
    n: 1,
    stream: body.stream ?? /:streamRawPredict\/?$/.test(pathname),
    ...{ logprobs: null, tokenIds: false, wire },
    template: readThinking(reader, body.thinking),
    ignored: reader.ignored(),
  };
}

// --- internal ---

type Body = z.infer<typeof anthropicFields.body.served>;

/** @param named  tools that a result has made known: until then those of deferred loading are not told */
function readTools(
  reader: FieldReader,
  tools: readonly unknown[],
  named: ReadonlySet<string>,
): ToolDefinition[] {
  return tools.flatMap((from, i) => {
    const at = `tools.${i}`;
    const type: unknown = Object(from).type;
    if (type !== undefined && type !== null && type !== "custom")
      throw notServed(
        `${at}.type`,
        type,
        "tools that Anthropic defines or runs are not served: define a function",
      );
    const { input_schema: parameters, defer_loading, ...told } = reader.read(anthropicFields.tool, from, at);
    const { name, description, strict } = told;
    return defer_loading && !named.has(name)
      ? []
      : [toFunctionTool({ name, description, parameters, strict })];
  });
}

function readToolChoice(
  reader: FieldReader,
  from: unknown,
): Pick<CallRequest, "toolChoice" | "parallelToolCalls"> {
  if (from === undefined || from === null) return { toolChoice: "auto", parallelToolCalls: true };
  const choice = reader.read(anthropicFields.toolChoice, from, "tool_choice");
  const parallelToolCalls = !(choice.disable_parallel_tool_use ?? false);
  if (choice.type !== "tool") return { toolChoice: kChoices[choice.type], parallelToolCalls };
  if (choice.name == null)
    throw badRequest("tool_choice.name: expected the name of a tool", "tool_choice.name");
  return { toolChoice: { name: choice.name }, parallelToolCalls };
}

const kChoices = { auto: "auto", any: "required", none: "none" } as const;

function checkChoice(choice: ToolChoice, tools: readonly ToolDefinition[]): void {
  if (choice === "auto" || choice === "none") return;
  if (tools.length === 0) throw badRequest("tool_choice: expected tools beside it", "tool_choice");
  if (choice === "required" || tools.some(({ function: { name } }) => name === choice.name)) return;
  throw badRequest(`tool_choice.name: expected one of the tools, got ${choice.name}`, "tool_choice.name");
}

/** `output_format` is what the field was called before. */
function readOutput(reader: FieldReader, { output_config, output_format }: Body): AskedOutput {
  const config = reader.read(anthropicFields.outputConfig, output_config ?? {}, "output_config");
  for (const name of ["effort", "task_budget"] as const)
    if (config[name] !== undefined && config[name] !== null) reader.ignore(`output_config.${name}`);
  const [format, at] =
    config.format == null ? [output_format, "output_format"] : [config.format, "output_config.format"];
  if (format === undefined || format === null) return { kind: "text" };
  const { schema } = reader.read(anthropicFields.outputFormat, format, at);
  return { kind: "schema", name: "output", schema, at };
}

/** Whether to think is a variable of most templates that know thoughts; what the model decides itself is left to it. */
function readThinking(reader: FieldReader, from: unknown): CallRequest["template"] {
  if (from === undefined || from === null) return {};
  const { type, budget_tokens } = reader.read(anthropicFields.thinkingConfig, from, "thinking");
  if (budget_tokens != null) reader.ignore("thinking.budget_tokens");
  return type === "adaptive" ? {} : { enable_thinking: type === "enabled" };
}
