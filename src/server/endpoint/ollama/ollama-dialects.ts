// Ollama's own interfaces: a chat, and an answer to one prompt. Neither has ids.
import { modelApi } from "../../../tracing/model-api.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import type { Dialect, DialectFields } from "../dialect.js";
import { splitInstructions } from "../instructions.js";
import { jsonBody } from "../json-body.js";
import { ollamaBody, ollamaFailure, ollamaFrames, saidInChat, saidInGenerate } from "./ollama-answer.js";
import { toOllamaMessage } from "./ollama-messages.js";
import { parseOllamaChat, parseOllamaGenerate } from "./ollama-request.js";

const fields: DialectFields = {
  ...{ messages: "messages", tools: "tools", toolChoice: "tools" },
  ...{ output: "format", stopTokenIds: "options.stop" },
};

export const ollamaChatDialect: Dialect = {
  ...{ name: "ollama.chat", routes: ["POST /api/chat"], idPrefix: "ollama-", fields },
  matches: (method, path) => method === "POST" && modelApi(path) === "ollama.chat",
  parse: (request) => parseOllamaChat(jsonBody(request)),
  answer: ollamaBody(saidInChat),
  frames: ollamaFrames(saidInChat),
  failure: ollamaFailure,
  edit: editChat,
};

export const ollamaGenerateDialect: Dialect = {
  ...{ name: "ollama.generate", routes: ["POST /api/generate"], idPrefix: "ollama-" },
  fields: { ...fields, messages: "prompt" },
  matches: (method, path) => method === "POST" && modelApi(path) === "ollama.generate",
  parse: (request) => parseOllamaGenerate(jsonBody(request)),
  answer: ollamaBody(saidInGenerate),
  frames: ollamaFrames(saidInGenerate),
  failure: ollamaFailure,
  edit: editGenerate,
};

// --- internal ---

function editChat(body: unknown, { system, messages: examples, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("messages" in body) || !Array.isArray(body.messages))
    return body;
  const { lead, rest } = splitInstructions(body.messages);
  return {
    ...body,
    ...(model === undefined ? {} : { model }),
    messages: [
      ...(system === undefined ? lead : [{ role: "system", content: system }]),
      ...(examples ?? []).map(toOllamaMessage),
      ...rest,
    ],
  };
}

/** One prompt has no place for examples; a raw one has none for a system prompt either. */
function editGenerate(body: unknown, { system, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("prompt" in body)) return body;
  const isRaw = "raw" in body && body.raw === true;
  return {
    ...body,
    ...(model === undefined ? {} : { model }),
    ...(system === undefined || isRaw ? {} : { system }),
  };
}
