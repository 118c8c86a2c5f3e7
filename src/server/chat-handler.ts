// OpenAI's chat completions, answered by a policy in this process for one rollout: id splicing, sampling rules, streaming, and a record of
// every call. Everything else that a client might ask of the host is refused by name.
import { randomUUID } from "node:crypto";
import { LightningError } from "../base/error.js";
import type { Policy, SampledChoice } from "../policy/policy.js";
import type { TemplateVariables } from "../policy/template-options.js";
import { modelApi } from "../tracing/model-api.js";
import { unixSeconds } from "../tracing/span.js";
import type { ModelHandler, ModelRequest } from "../types/model-call.js";
import { createCallSeeds } from "./call-seeds.js";
import { type AnswerChoice, type AnswerOptions, completionBody, toAnswer } from "./chat-answer.js";
import { type ChatRequest, parseChatRequest } from "./chat-request.js";
import { createChatStream } from "./chat-stream.js";
import { createIdMemory, type SplicedPrompt } from "./id-splicing.js";
import { isNestedTooDeep, kMaxDepth } from "./json-depth.js";
import { badRequest, errorResponse, OpenAiError } from "./open-ai-error.js";

/** What is sampled with; `maxTokens` beyond the context is cut to it. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly maxTokens: number;
}

/** One choice of one model call, as it is recorded. */
export interface ModelCall {
  readonly responseId: string;
  readonly request: ChatRequest;
  readonly sampling: Sampling;
  readonly prompt: SplicedPrompt;
  readonly choice: AnswerChoice;
  /** Unix seconds. */
  readonly startTime: number;
  readonly endTime: number;
}

export interface ChatHandlerOptions {
  readonly policy: Pick<Policy, "sample" | "renderChat" | "tokenizer" | "config" | "contextLength">;
  /** The rollout's seed (Law 6). */
  readonly seed: bigint;
  /** Training replaces what the agent asked for; validation keeps it. */
  sampling(request: ChatRequest): Sampling;
  /** Which adapter serves the call; default the policy's first. */
  adapter?(request: ChatRequest): string;
  /** Variables of the chat template, over the policy's and below the request's. */
  readonly template?: TemplateVariables | undefined;
  /** The date that the template prints. Default: the policy's. */
  readonly date?: string | undefined;
  /** Called before the answer is handed out. */
  record(call: ModelCall): void;
}

/** @returns a handler for the calls of one rollout */
export function createChatHandler(options: ChatHandlerOptions): ModelHandler {
  const memory = createIdMemory(withTemplate(options));
  const seeds = createCallSeeds(options.seed);
  const context: HandlerContext = { ...options, memory, seeds };
  return async (request) => {
    try {
      checkRoute(request);
      return await answer(context, parseChatRequest(parseBody(request)), request.signal);
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

interface HandlerContext extends ChatHandlerOptions {
  readonly memory: ReturnType<typeof createIdMemory>;
  readonly seeds: ReturnType<typeof createCallSeeds>;
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

async function answer(context: HandlerContext, request: ChatRequest, signal: AbortSignal): Promise<Response> {
  const { policy } = context;
  const startTime = unixSeconds();
  const prompt = context.memory.prompt(request.messages, request.tools);
  const room = policy.contextLength - prompt.ids.length;
  if (room < 1) {
    const message = `This model's maximum context length is ${policy.contextLength} tokens. However, your messages resulted in ${prompt.ids.length} tokens.`;
    throw badRequest(message, "messages", "context_length_exceeded");
  }
  const asked = context.sampling(request);
  const sampling = { ...asked, maxTokens: Math.min(asked.maxTokens, room) };
  const responseId = `chatcmpl-${randomUUID().replaceAll("-", "")}`;
  const options: AnswerOptions = {
    tokenizer: policy.tokenizer,
    eosTokenIds: policy.config.eosTokenIds,
    stop: request.stop,
    hasTools: request.tools.length > 0,
    // Deterministic, and different for every message of the conversation.
    idPrefix: `call_${request.messages.length}_`,
  };
  const sample = (more: Partial<Parameters<Policy["sample"]>[0]>) =>
    policy.sample({
      prompt: prompt.ids,
      n: request.n,
      ...sampling,
      seed: context.seeds.next(prompt.ids),
      stop: request.stop,
      topLogprobs: request.topLogprobs,
      ...(context.adapter === undefined ? {} : { adapter: context.adapter(request) }),
      ...more,
    });
  const settle = (sampled: readonly SampledChoice[]) => {
    const endTime = unixSeconds();
    const choices = sampled.map((choice, index) => toAnswer(choice, index, options));
    for (const choice of choices) {
      const message = { role: "assistant", content: choice.content, tool_calls: choice.toolCalls };
      context.memory.remember(request.messages, request.tools, prompt, message, choice.sampled.tokens);
      context.record({ responseId, request, sampling, prompt, choice, startTime, endTime });
    }
    return choices;
  };
  const completion = {
    id: responseId,
    model: request.model,
    created: Math.floor(startTime),
    promptTokens: prompt.ids.length,
  };
  if (!request.stream) {
    const choices = settle(await sample({ signal }));
    return Response.json(completionBody(completion, choices, policy.tokenizer, request.logprobs));
  }
  const cancelled = new AbortController();
  const stream = createChatStream({
    completion,
    answer: options,
    choices: request.n,
    includeUsage: request.includeUsage,
    logprobs: request.logprobs,
    onCancel: () => cancelled.abort(new DOMException("the client closed the stream", "AbortError")),
  });
  let had: readonly SampledChoice[] = [];
  sample({
    signal: AbortSignal.any([signal, cancelled.signal]),
    onToken: (token) => stream.push(token),
    onAborted: (choices) => {
      had = choices.filter(({ tokens }) => tokens.length > 0);
    },
  })
    .then((sampled) => stream.finish(settle(sampled)))
    .catch((error: unknown) => {
      // A client that stops reading acts on what it has had: the call counts that far.
      settle(had);
      throw error;
    })
    .catch((error: unknown) => stream.fail(error));
  return stream.response;
}

function toOpenAiError(error: unknown): OpenAiError {
  if (error instanceof OpenAiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isRequests =
    error instanceof LightningError && (error.code === "E_ARGUMENT" || error.code === "E_MEMORY");
  return isRequests ? badRequest(message, null) : new OpenAiError(500, message);
}
