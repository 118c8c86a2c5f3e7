// A Google generateContent request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's.
import type { z } from "zod";
import { requestedModel } from "../../../tracing/model-api.js";
import type { AskedOutput, CallRequest, JsonSchema, ToolChoice } from "../../../types/call-request.js";
import type { ToolDefinition } from "../../../types/chat.js";
import type { ModelRequest } from "../../../types/model-call.js";
import { createFieldReader, type FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { toFunctionTool } from "../function-tool.js";
import { jsonBody } from "../json-body.js";
import { badRequest } from "../request-error.js";
import { readContents, readInstruction } from "./google-contents.js";
import { googleFields } from "./google-fields.js";
import { unsnake } from "./google-names.js";
import { toJsonSchema } from "./google-schema.js";

/** What of a request the frames need. */
export interface GoogleWire {
  /** Streams are server-sent events, or else one list. */
  readonly isSse: boolean;
}

/** @throws RequestError 400 naming the field */
export function parseGoogleRequest(request: ModelRequest): CallRequest {
  return readGoogleRequest(request, jsonBody(request));
}

/** @throws RequestError 400 naming the field */
export function readGoogleRequest({ url }: Pick<ModelRequest, "url">, value: unknown): CallRequest {
  const { pathname, searchParams } = new URL(url);
  const reader = createFieldReader();
  const body = reader.read(googleFields.body, unsnake(value), "");
  const config = reader.read(
    googleFields.generationConfig,
    unsnake(body.generationConfig ?? {}),
    "generationConfig",
  );
  const wire: GoogleWire = { isSse: searchParams.get("alt") === "sse" };
  return {
    ...{ dialect: "google.generate_content", model: requestedModel(pathname, null) ?? "", wire },
    messages: [
      ...readInstruction(reader, body.systemInstruction, "systemInstruction"),
      ...readContents(reader, body.contents, "contents"),
    ],
    ...chooseTools(reader, body),
    parallelToolCalls: true,
    output: readOutput(config),
    sampling: {
      ...{ temperature: config.temperature ?? null, topP: config.topP ?? null, topK: config.topK ?? null },
      ...{ minP: null, maxTokens: config.maxOutputTokens ?? null, stopTokenIds: null },
      stop: config.stopSequences?.length ? config.stopSequences : null,
    },
    n: config.candidateCount ?? 1,
    stream: /:streamGenerateContent\/?$/.test(pathname),
    ...{ logprobs: null, tokenIds: false },
    template: readThinking(reader, config.thinkingConfig),
    ignored: reader.ignored(),
  };
}

// --- internal ---

type Body = z.infer<typeof googleFields.body.served>;
type Config = z.infer<typeof googleFields.generationConfig.served>;

/** Several allowed functions of more are told alone: any of them must be called. */
function chooseTools(reader: FieldReader, body: Body): Pick<CallRequest, "tools" | "toolChoice"> {
  const tools = (body.tools ?? []).flatMap((from, i) => readTool(reader, from, `tools.${i}`));
  const { functionCallingConfig: from } = reader.read(
    googleFields.toolConfig,
    unsnake(body.toolConfig ?? {}),
    "toolConfig",
  );
  const at = "toolConfig.functionCallingConfig";
  const config = reader.read(googleFields.functionCallingConfig, unsnake(from ?? {}), at);
  if (config.mode === "NONE") return { tools: [], toolChoice: "none" };
  const allowed = config.allowedFunctionNames ?? [];
  const unknown = allowed.find((name) => !tools.some((tool) => tool.function.name === name));
  if (unknown !== undefined)
    throw badRequest(
      `${at}.allowedFunctionNames: expected declared functions, got ${unknown}`,
      `${at}.allowedFunctionNames`,
    );
  if (config.mode !== "ANY") return { tools: only(tools, allowed), toolChoice: "auto" };
  if (tools.length === 0) throw badRequest(`${at}.mode: expected functions beside it`, `${at}.mode`);
  const [name, ...more] = allowed;
  const toolChoice: ToolChoice = name !== undefined && more.length === 0 ? { name } : "required";
  return { tools: more.length > 0 ? only(tools, allowed) : tools, toolChoice };
}

function only(tools: readonly ToolDefinition[], allowed: readonly string[]): readonly ToolDefinition[] {
  return allowed.length === 0 ? tools : tools.filter((tool) => allowed.includes(tool.function.name));
}

function readTool(reader: FieldReader, from: unknown, at: string): ToolDefinition[] {
  const { functionDeclarations } = reader.read(googleFields.tool, unsnake(from), at);
  return (functionDeclarations ?? []).map((declared, i) => {
    const place = `${at}.functionDeclarations.${i}`;
    const { name, description, parameters, parametersJsonSchema } = reader.read(
      googleFields.declaration,
      unsnake(declared),
      place,
    );
    const schema =
      parametersJsonSchema ?? (parameters == null ? null : toJsonSchema(parameters, `${place}.parameters`));
    return toFunctionTool({ name, description, parameters: schema });
  });
}

function readOutput(config: Config): AskedOutput {
  const at = "generationConfig";
  if (config.responseFormat !== undefined && config.responseFormat !== null)
    throw notServed(
      `${at}.responseFormat`,
      config.responseFormat,
      "use responseMimeType and responseJsonSchema",
    );
  const asked = schemaOf(config);
  const type = config.responseMimeType ?? "text/plain";
  if (type === "text/plain" && asked === undefined) return { kind: "text" };
  if (type === "text/plain")
    throw badRequest(
      `${at}.responseMimeType: expected application/json beside a schema`,
      `${at}.responseMimeType`,
    );
  if (type !== "application/json")
    throw notServed(`${at}.responseMimeType`, type, 'expected "text/plain" or "application/json"');
  return asked === undefined ? { kind: "json" } : { kind: "schema", name: "output", ...asked };
}

function schemaOf(config: Config): { readonly schema: JsonSchema; readonly at: string } | undefined {
  const schema = config.responseJsonSchema ?? config._responseJsonSchema;
  if (schema != null) return { schema, at: "generationConfig.responseJsonSchema" };
  const at = "generationConfig.responseSchema";
  return config.responseSchema == null ? undefined : { schema: toJsonSchema(config.responseSchema, at), at };
}

/** Whether to think is a variable of most templates that know thoughts; -1 leaves it to the model. */
function readThinking(reader: FieldReader, from: unknown): CallRequest["template"] {
  if (from === undefined || from === null) return {};
  const at = "generationConfig.thinkingConfig";
  const { thinkingBudget, thinkingLevel } = reader.read(googleFields.thinkingConfig, unsnake(from), at);
  if (thinkingLevel != null) reader.ignore(`${at}.thinkingLevel`);
  if (thinkingBudget == null || thinkingBudget === -1) return {};
  if (thinkingBudget > 0) reader.ignore(`${at}.thinkingBudget`);
  return { enable_thinking: thinkingBudget > 0 };
}
