// The language-model route of Vercel's AI gateway, which serves models that the AI SDK is told by their names alone.
import { modelApi } from "../../../tracing/model-api.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import type { Dialect } from "../dialect.js";
import { splitInstructions } from "../instructions.js";
import { openAiFailure } from "../open-ai-failure.js";
import { createVercelFrames, vercelBody } from "./vercel-answer.js";
import { toPromptEntry } from "./vercel-messages.js";
import { parseVercelRequest } from "./vercel-request.js";

export const vercelDialect: Dialect = {
  name: "vercel.language_model",
  routes: ["POST /v4/ai/language-model", "POST /v3/ai/language-model"],
  idPrefix: "gen_",
  fields: {
    ...{ messages: "prompt", tools: "tools", toolChoice: "toolChoice" },
    ...{ output: "responseFormat", stopTokenIds: "stopSequences" },
  },
  matches: (method, path) => method === "POST" && modelApi(path) === "vercel.language_model",
  parse: parseVercelRequest,
  answer: vercelBody,
  frames: createVercelFrames,
  // The gateway's errors have OpenAI's shape.
  failure: openAiFailure,
  edit: editPrompt,
};

// --- internal ---

/** The model is a header's, out of an edit's reach. */
function editPrompt(body: unknown, { system, messages: examples }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("prompt" in body) || !Array.isArray(body.prompt))
    return body;
  const { lead, rest } = splitInstructions(body.prompt);
  return {
    ...body,
    prompt: [
      ...(system === undefined ? lead : [{ role: "system", content: system }]),
      ...(examples ?? []).map(toPromptEntry),
      ...rest,
    ],
  };
}
