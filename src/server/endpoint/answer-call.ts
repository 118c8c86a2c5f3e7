// One call of a rollout, from its checked request to the answer: the prompt's ids, what is sampled with, the record of every choice.

import type { Policy, SampledChoice, SampleOptions } from "../../policy/policy.js";
import { TooManyTokensError } from "../../policy/tokenizer/encoding/too-many-tokens.js";
import { unixSeconds } from "../../tracing/span.js";
import { createStreamedResponse } from "../../tracing/streamed-response.js";
import { jsonResponse } from "../../tracing/whole-response.js";
import type { CallRequest } from "../../types/call-request.js";
import { type AnswerChoice, type AnswerOptions, toAnswer } from "./answer.js";
import { createAnswerPieces } from "./answer-pieces.js";
import type { CallSeeds } from "./call-seeds.js";
import { createCallWatch } from "./call-watch.js";
import { type AnswerConstraint, answerConstraint, checkConstraint } from "./constraint.js";
import type { CallHead, CallResult, Dialect } from "./dialect.js";
import type { IdMemory, SplicedPrompt } from "./id-splicing.js";
import type { ItemMemory } from "./item-memory.js";
import type { PromptChecks } from "./prompt-checks.js";
import { badRequest, toRequestError } from "./request-error.js";
import type { TextMemory } from "./text-memory.js";

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
  readonly policy: Pick<
    Policy,
    | "sample"
    | "constrain"
    | "renderChat"
    | "tokenizer"
    | "config"
    | "contextLength"
    | "toolCalls"
    | "thoughtsIn"
  >;
  readonly memory: IdMemory;
  readonly texts: TextMemory;
  readonly items: ItemMemory;
  readonly seeds: CallSeeds;
  readonly checks: PromptChecks;
  /** Training replaces what the agent asked for; validation keeps it. */
  sampling(request: CallRequest): Sampling;
  /** Which adapter serves the call; default the policy's first. */
  adapter?(request: CallRequest): string;
  /** Called before the answer is handed out. */
  record(call: ModelCall): void;
}

/** @throws RequestError; what the policy throws; the signal's reason */
export async function answerCall(
  context: CallContext,
  dialect: Dialect,
  asked: CallRequest,
  signal: AbortSignal,
): Promise<Response> {
  const startTime = unixSeconds();
  const request = check(context, dialect, asked);
  // Before anything is awaited: calls keep the order they came in.
  const rendered = promptOf(context, dialect, request, signal);
  const seed = await context.seeds.next(rendered);
  const prompt = await rendered;
  const constraint = await answerConstraint(context.policy, request, prompt, dialect.fields);
  const call = prepare(context, dialect, { request, prompt, seed, startTime, constraint });
  if (request.stream) return answerInPieces(context, dialect, call, signal);
  const sampled = await context.policy.sample({ ...call.sample, signal });
  return jsonResponse(dialect.answer(settle(context, call, sampled), context.items));
}

/** How many tokens the prompt of a call has, which is not remembered. @throws as answerCall */
export async function countTokens(
  context: CallContext,
  dialect: Dialect,
  asked: CallRequest,
  signal: AbortSignal,
): Promise<number> {
  const { ids } = await promptOf(context, dialect, check(context, dialect, asked), signal);
  return ids.length;
}

// --- internal ---

interface Call {
  readonly head: CallHead;
  readonly prompt: SplicedPrompt;
  readonly sampling: Sampling;
  readonly sample: SampleOptions;
  readonly answer: AnswerOptions;
  readonly startTime: number;
}

function check({ checks, policy }: CallContext, { fields }: Dialect, asked: CallRequest): CallRequest {
  checkConstraint(asked, fields);
  const request = checks.check(asked);
  const { vocabulary } = policy.config;
  checkIds(fields.stopTokenIds, request.sampling.stopTokenIds ?? [], vocabulary);
  if (typeof request.prompt === "object") checkIds(fields.messages, request.prompt, vocabulary);
  return request;
}

function checkIds(field: string, ids: readonly number[], vocabulary: number): void {
  const beyond = ids.find((id) => id >= vocabulary);
  if (beyond === undefined) return;
  throw badRequest(`${field}: expected ids of the policy's ${vocabulary} tokens, got ${beyond}`, field);
}

async function promptOf(
  { memory, texts, policy: { contextLength } }: CallContext,
  { fields }: Dialect,
  request: CallRequest,
  signal: AbortSignal,
): Promise<SplicedPrompt> {
  try {
    // At least one token is left for the answer.
    const options = { most: contextLength - 1, signal };
    if (request.prompt === undefined) return await memory.prompt(request, options);
    return await texts.prompt(request.prompt, options);
  } catch (error) {
    if (!(error instanceof TooManyTokensError)) throw error;
    const message = `This model's maximum context length is ${contextLength} tokens. However, your messages resulted in at least ${error.atLeast} tokens. Please reduce the length of the messages.`;
    throw badRequest(message, fields.messages, "context_length_exceeded");
  }
}

interface Prepared {
  readonly request: CallRequest;
  readonly prompt: SplicedPrompt;
  readonly seed: bigint;
  readonly startTime: number;
  readonly constraint: AnswerConstraint;
}

function prepare(context: CallContext, dialect: Dialect, asked: Prepared): Call {
  const { policy, items } = context;
  const { request, prompt, seed, startTime, constraint } = asked;
  const { stop, stopTokenIds } = request.sampling;
  const isSingle = request.tools.length > 0 && !request.parallelToolCalls;
  const wanted = context.sampling(request);
  const room = policy.contextLength - prompt.ids.length;
  const sampling = { ...wanted, maxTokens: Math.min(wanted.maxTokens, room) };
  const answer: AnswerOptions = {
    tokenizer: policy.tokenizer,
    stopTokenIds: [...policy.config.eosTokenIds, ...(stopTokenIds ?? [])],
    stop: stop ?? [],
    calls: request.tools.length > 0 ? { family: policy.toolCalls ?? "hermes", tools: request.tools } : null,
    inThought: prompt.inThought,
    isText: request.prompt !== undefined,
    isHeld: constraint.constraint !== undefined,
    ...(isSingle ? { mostCalls: 1 } : {}),
    // Deterministic, and different for every message of the conversation.
    idPrefix: `call_${request.messages.length}_`,
  };
  return {
    ...{ prompt, sampling, answer, startTime },
    sample: {
      prompt: prompt.ids,
      n: request.n,
      ...sampling,
      ...constraint,
      seed,
      stop: [...(stop ?? []), ...(stopTokenIds ?? [])],
      topLogprobs: request.logprobs ?? 0,
      ...(isSingle ? { isLast: createCallWatch(answer) } : {}),
      ...(context.adapter === undefined ? {} : { adapter: context.adapter(request) }),
    },
    head: {
      ...{ request, promptIds: prompt.ids, tokenizer: policy.tokenizer },
      ...{ id: items.newId(dialect.idPrefix), created: Math.floor(startTime), startTime },
    },
  };
}

function settle(
  { memory, texts, record }: CallContext,
  call: Call,
  sampled: readonly SampledChoice[],
): CallResult {
  const { head, sampling, prompt, startTime } = call;
  const endTime = unixSeconds();
  const choices = sampled.map((choice, index) => toAnswer(choice, index, call.answer));
  for (const choice of choices) {
    if (head.request.prompt === undefined) memory.remember(prompt, choice, choice.sampled.tokens);
    else texts.remember(prompt, choice.sampled.tokens);
    record({ responseId: head.id, request: head.request, sampling, prompt, choice, startTime, endTime });
  }
  return { ...head, choices };
}

function answerInPieces(context: CallContext, dialect: Dialect, call: Call, signal: AbortSignal): Response {
  const { head } = call;
  const stop = createStop(signal);
  const frames = dialect.frames(head, context.items);
  const pieces = createAnswerPieces(call.answer, head.request.n);
  const stream = createStreamedResponse(
    { "content-type": frames.contentType, "cache-control": "no-cache" },
    stop.byClient,
  );
  const send = (texts: readonly string[]): void => {
    for (const text of texts) stream.write(text);
  };
  send(frames.open());
  let had: readonly SampledChoice[] = [];
  context.policy
    .sample({
      ...call.sample,
      signal: stop.signal,
      onToken: ({ choice, token }) => {
        for (const piece of pieces.push(choice, token)) send(frames.piece(piece));
      },
      onAborted: (choices) => {
        had = choices.filter(({ tokens }) => tokens.length > 0);
      },
    })
    .then((sampled) => {
      const result = settle(context, call, sampled);
      for (const answer of result.choices)
        for (const piece of pieces.finish(answer)) send(frames.piece(piece));
      send(frames.close(result));
    })
    .catch((error: unknown) => {
      // A client that stops reading acts on what it has had: the call counts that far.
      settle(context, call, had);
      throw error;
    })
    .catch((error: unknown) => send(frames.fail(toRequestError(error))))
    .finally(() => {
      stop.release();
      stream.end();
    });
  return stream.response;
}

interface Stop {
  /** Aborts with the call's or when the client closes the stream; AbortSignal.any costs several times as much. */
  readonly signal: AbortSignal;
  byClient(): void;
  release(): void;
}

function createStop(call: AbortSignal): Stop {
  const controller = new AbortController();
  const byCall = (): void => controller.abort(call.reason);
  call.addEventListener("abort", byCall, { once: true });
  if (call.aborted) byCall();
  return {
    signal: controller.signal,
    byClient: () => controller.abort(new DOMException("the client closed the stream", "AbortError")),
    release: () => call.removeEventListener("abort", byCall),
  };
}
