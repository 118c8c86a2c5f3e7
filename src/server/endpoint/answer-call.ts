// One call of a rollout, from its checked request to the answer: the prompt's ids, what is sampled with, the record of every choice.
import { randomUUID } from "node:crypto";
import type { Policy, SampledChoice, SampleOptions } from "../../policy/policy.js";
import { TooManyTokensError } from "../../policy/tokenizer/encoding/too-many-tokens.js";
import { unixSeconds } from "../../tracing/span.js";
import type { CallRequest } from "../../types/call-request.js";
import type { CallSeeds } from "./call-seeds.js";
import { createCallWatch } from "./call-watch.js";
import {
  type AnswerChoice,
  type AnswerOptions,
  type Completion,
  completionBody,
  toAnswer,
} from "./chat-answer.js";
import { createChatStream } from "./chat-stream.js";
import type { IdMemory, SplicedPrompt } from "./id-splicing.js";
import { badRequest } from "./open-ai-error.js";
import type { PromptChecks } from "./prompt-checks.js";

/** What is sampled with; `maxTokens` beyond the context is cut to it. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly maxTokens: number;
}

/** One choice of one model call, as it is recorded. */
export interface ModelCall {
  readonly responseId: string;
  readonly request: CallRequest;
  readonly sampling: Sampling;
  readonly prompt: SplicedPrompt;
  readonly choice: AnswerChoice;
  /** Unix seconds. */
  readonly startTime: number;
  readonly endTime: number;
}

/** What the calls of one rollout share. */
export interface CallContext {
  readonly policy: Pick<Policy, "sample" | "renderChat" | "tokenizer" | "config" | "contextLength">;
  readonly memory: IdMemory;
  readonly seeds: CallSeeds;
  readonly checks: PromptChecks;
  /** Training replaces what the agent asked for; validation keeps it. */
  sampling(request: CallRequest): Sampling;
  /** Which adapter serves the call; default the policy's first. */
  adapter?(request: CallRequest): string;
  /** Called before the answer is handed out. */
  record(call: ModelCall): void;
}

/** @throws OpenAiError; what the policy throws; the signal's reason */
export async function answerCall(
  context: CallContext,
  asked: CallRequest,
  signal: AbortSignal,
): Promise<Response> {
  const startTime = unixSeconds();
  const request = context.checks.check(asked);
  checkStopIds(request, context.policy.config.vocabulary);
  // Before anything is awaited: calls keep the order they came in.
  const rendered = promptOf(context, request, signal);
  const [prompt, seed] = await Promise.all([rendered, context.seeds.next(rendered.then(({ ids }) => ids))]);
  const call = prepare(context, request, prompt, seed, startTime);
  if (request.stream) return answerInPieces(context, call, signal);
  const sampled = await context.policy.sample({ ...call.sample, signal });
  return Response.json(
    completionBody(
      call.completion,
      settle(context, call, sampled),
      context.policy.tokenizer,
      request.logprobs !== null,
    ),
  );
}

// --- internal ---

interface Call {
  readonly request: CallRequest;
  readonly prompt: SplicedPrompt;
  readonly sampling: Sampling;
  readonly sample: SampleOptions;
  readonly answer: AnswerOptions;
  readonly completion: Completion;
  readonly startTime: number;
}

function checkStopIds({ sampling: { stopTokenIds } }: CallRequest, vocabulary: number): void {
  const beyond = stopTokenIds?.find((id) => id >= vocabulary);
  if (beyond === undefined) return;
  const message = `stop_token_ids: expected ids of the policy's ${vocabulary} tokens, got ${beyond}`;
  throw badRequest(message, "stop_token_ids");
}

async function promptOf(
  { memory, policy: { contextLength } }: CallContext,
  request: CallRequest,
  signal: AbortSignal,
): Promise<SplicedPrompt> {
  try {
    // At least one token is left for the answer.
    return await memory.prompt(request, { most: contextLength - 1, signal });
  } catch (error) {
    if (!(error instanceof TooManyTokensError)) throw error;
    const message = `This model's maximum context length is ${contextLength} tokens. However, your messages resulted in at least ${error.atLeast} tokens. Please reduce the length of the messages.`;
    throw badRequest(message, "messages", "context_length_exceeded");
  }
}

function prepare(
  context: CallContext,
  request: CallRequest,
  prompt: SplicedPrompt,
  seed: bigint,
  startTime: number,
): Call {
  const { policy } = context;
  const { stop, stopTokenIds } = request.sampling;
  const isSingle = request.tools.length > 0 && !request.parallelToolCalls;
  const asked = context.sampling(request);
  const room = policy.contextLength - prompt.ids.length;
  const sampling = { ...asked, maxTokens: Math.min(asked.maxTokens, room) };
  const answer: AnswerOptions = {
    tokenizer: policy.tokenizer,
    stopTokenIds: [...policy.config.eosTokenIds, ...(stopTokenIds ?? [])],
    stop: stop ?? [],
    hasTools: request.tools.length > 0,
    inThought: prompt.inThought,
    ...(isSingle ? { mostCalls: 1 } : {}),
    // Deterministic, and different for every message of the conversation.
    idPrefix: `call_${request.messages.length}_`,
  };
  return {
    ...{ request, prompt, sampling, answer, startTime },
    sample: {
      prompt: prompt.ids,
      n: request.n,
      ...sampling,
      seed,
      stop: [...(stop ?? []), ...(stopTokenIds ?? [])],
      topLogprobs: request.logprobs ?? 0,
      ...(isSingle ? { isLast: createCallWatch(answer) } : {}),
      ...(context.adapter === undefined ? {} : { adapter: context.adapter(request) }),
    },
    completion: {
      id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
      model: request.model,
      created: Math.floor(startTime),
      promptTokens: prompt.ids.length,
    },
  };
}

function settle({ memory, record }: CallContext, call: Call, sampled: readonly SampledChoice[]) {
  const { request, sampling, prompt, completion, startTime } = call;
  const endTime = unixSeconds();
  const choices = sampled.map((choice, index) => toAnswer(choice, index, call.answer));
  for (const choice of choices) {
    const message = { role: "assistant", content: choice.content, tool_calls: choice.toolCalls };
    memory.remember(prompt, message, choice.sampled.tokens);
    record({ responseId: completion.id, request, sampling, prompt, choice, startTime, endTime });
  }
  return choices;
}

function answerInPieces(context: CallContext, call: Call, signal: AbortSignal): Response {
  const { request } = call;
  const cancelled = new AbortController();
  const stream = createChatStream({
    completion: call.completion,
    answer: call.answer,
    choices: request.n,
    includeUsage: request.includeUsage,
    logprobs: request.logprobs !== null,
    onCancel: () => cancelled.abort(new DOMException("the client closed the stream", "AbortError")),
  });
  let had: readonly SampledChoice[] = [];
  context.policy
    .sample({
      ...call.sample,
      signal: AbortSignal.any([signal, cancelled.signal]),
      onToken: (token) => stream.push(token),
      onAborted: (choices) => {
        had = choices.filter(({ tokens }) => tokens.length > 0);
      },
    })
    .then((sampled) => stream.finish(settle(context, call, sampled)))
    .catch((error: unknown) => {
      // A client that stops reading acts on what it has had: the call counts that far.
      settle(context, call, had);
      throw error;
    })
    .catch((error: unknown) => stream.fail(error));
  return stream.response;
}
