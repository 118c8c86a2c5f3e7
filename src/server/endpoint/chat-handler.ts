// OpenAI's chat completions, answered by a policy in this process for one rollout: id splicing, sampling rules, streaming, and a record of
// every call. Everything else that a client might ask of the host is refused by name.
import { LightningError } from "../../base/error.js";
import type { TemplateVariables } from "../../policy/chat/template-options.js";
import { modelApi } from "../../tracing/model-api.js";
import type { ModelHandler, ModelRequest } from "../../types/model-call.js";
import { isNestedTooDeep, kMaxDepth } from "../json-depth.js";
import { answerCall, type CallContext } from "./answer-call.js";
import { createCallSeeds } from "./call-seeds.js";
import { parseChatRequest } from "./chat-request.js";
import { createIdMemory } from "./id-splicing.js";
import { badRequest, errorResponse, OpenAiError } from "./open-ai-error.js";
import { createPromptChecks } from "./prompt-checks.js";

export interface ChatHandlerOptions extends Omit<CallContext, "memory" | "seeds" | "checks"> {
  /** The rollout's seed (Law 6). */
  readonly seed: bigint;
  /** Variables of the chat template, over the policy's and below the request's. */
  readonly template?: TemplateVariables | undefined;
  /** The date that the template prints. Default: the policy's. */
  readonly date?: string | undefined;
  /** Fields that were warned of; grows. Default: those of this rollout. */
  readonly warnedFields?: Set<string>;
}

/** @returns a handler for the calls of one rollout */
export function createChatHandler(options: ChatHandlerOptions): ModelHandler {
  const template = withTemplate(options);
  const context: CallContext = {
    ...options,
    memory: createIdMemory(template),
    seeds: createCallSeeds(options.seed),
    checks: createPromptChecks(template, options.warnedFields ?? new Set()),
  };
  return async (request) => {
    try {
      checkRoute(request);
      return await answerCall(context, parseChatRequest(parseBody(request)), request.signal);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      return errorResponse(toOpenAiError(error));
    }
  };
}

// --- internal ---

/** The policy as one rollout sees it: every rendering has the rollout's variables and date. */
function withTemplate({ policy, template, date }: ChatHandlerOptions): Parameters<typeof createIdMemory>[0] {
  const dated = date === undefined ? {} : { date };
  return {
    config: policy.config,
    tokenizer: policy.tokenizer,
    renderChat: (messages, options) =>
      policy.renderChat(messages, { ...dated, ...options, template: { ...template, ...options?.template } }),
  };
}

function checkRoute(request: ModelRequest): void {
  const path = new URL(request.url).pathname;
  if (request.method === "POST" && modelApi(path) === "openai.chat.completion") return;
  const message = `${request.method} ${path} is not served by the policy; it serves POST /v1/chat/completions`;
  throw new OpenAiError(404, message, null, "unsupported_route");
}

function parseBody({ body, headers }: ModelRequest): unknown {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    throw badRequest(`expected the body without content-encoding, got ${encoding}`, null);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    if (!isNestedTooDeep(text)) return JSON.parse(text);
  } catch {
    throw badRequest("expected the body to be JSON", null);
  }
  throw badRequest(`expected JSON nested at most ${kMaxDepth} deep`, null);
}

function toOpenAiError(error: unknown): OpenAiError {
  if (error instanceof OpenAiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isRequests =
    error instanceof LightningError && (error.code === "E_ARGUMENT" || error.code === "E_MEMORY");
  return isRequests ? badRequest(message, null) : new OpenAiError(500, message);
}
