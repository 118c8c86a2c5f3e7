// A call to the gateway's language-model route, checked. The model and whether to stream are in its headers.
import type { AskedOutput, CallRequest, ToolChoice } from "../../../types/call-request.js";
import type { ToolDefinition } from "../../../types/chat.js";
import type { ModelRequest } from "../../../types/model-call.js";
import { createFieldReader, type FieldReader } from "../field-reader.js";
import { checkIsFunction, toFunctionTool } from "../function-tool.js";
import { jsonBody } from "../json-body.js";
import { badRequest } from "../request-error.js";
import { vercelFields } from "./vercel-fields.js";
import { toMessages } from "./vercel-messages.js";

/** @throws RequestError 400 naming the field or the header */
export function parseVercelRequest(request: ModelRequest): CallRequest {
  const { model, stream } = readHeaders(request.headers);
  const reader = createFieldReader();
  const body = reader.read(vercelFields.body, jsonBody(request), "");
  const toolChoice = toToolChoice(reader, body.toolChoice);
  return {
    dialect: "vercel.language_model",
    model,
    messages: toMessages(reader, body.prompt),
    tools:
      toolChoice === "none" ? [] : (body.tools ?? []).map((tool, i) => toTool(reader, tool, `tools.${i}`)),
    toolChoice,
    parallelToolCalls: true,
    output: toOutput(reader, body.responseFormat),
    sampling: {
      temperature: body.temperature ?? null,
      topP: body.topP ?? null,
      topK: body.topK == null ? null : Math.max(body.topK, 0),
      minP: null,
      maxTokens: body.maxOutputTokens ?? null,
      stop: body.stopSequences ?? null,
      stopTokenIds: null,
    },
    n: 1,
    stream,
    logprobs: null,
    tokenIds: false,
    template: {},
    ignored: reader.ignored(),
    wire: null,
  };
}

// --- internal ---

function readHeaders(headers: ModelRequest["headers"]): { readonly model: string; readonly stream: boolean } {
  const model = headers["ai-language-model-id"] ?? headers["ai-model-id"];
  if (!model)
    throw badRequest("ai-language-model-id: expected the header to name a model", "ai-language-model-id");
  const version = headers["ai-language-model-specification-version"] ?? "4";
  if (version !== "3" && version !== "4") {
    const name = "ai-language-model-specification-version";
    throw badRequest(
      `${name}: expected 3 or 4, got ${version}; use ai 6 or 7`,
      name,
      "unsupported_parameter",
    );
  }
  return { model, stream: headers["ai-language-model-streaming"] === "true" };
}

function toTool(reader: FieldReader, from: unknown, at: string): ToolDefinition {
  checkIsFunction(from, at);
  const { name, description, inputSchema: parameters, strict } = reader.read(vercelFields.tool, from, at);
  return toFunctionTool({ name, description, parameters, strict });
}

function toToolChoice(reader: FieldReader, choice: unknown): ToolChoice {
  if (choice === undefined || choice === null) return "auto";
  const { type, toolName } = reader.read(vercelFields.toolChoice, choice, "toolChoice");
  if (type !== "tool") return type;
  if (!toolName) throw badRequest("toolChoice.toolName: expected the name of a tool", "toolChoice.toolName");
  return { name: toolName };
}

function toOutput(reader: FieldReader, format: unknown): AskedOutput {
  if (format === undefined || format === null) return { kind: "text" };
  const { type, schema, name } = reader.read(vercelFields.responseFormat, format, "responseFormat");
  if (type === "text") return { kind: "text" };
  return schema == null ? { kind: "json" } : { kind: "schema", name: name ?? "response", schema };
}
