// A canonical answer as OpenAI's response.
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import type { CallHead, CallResult } from "../dialect.js";
import type { ItemMemory } from "../item-memory.js";
import { logprobsOf } from "../token-logprobs.js";
import { outputOf } from "./output-items.js";
import { type Item, remember } from "./response-memory.js";
import type { ResponseBody, ResponseWire } from "./response-request.js";

type Response = Readonly<Record<string, unknown>>;

/** The unstreamed body; its items and the conversation are remembered. */
export function responseBody(result: CallResult, memory: ItemMemory): Response {
  const [choice] = result.choices;
  return finishedResponse(result, memory, choice === undefined ? [] : outputOf(choice, memory));
}

/** @param items  those of the answer, log-probabilities apart */
export function finishedResponse(result: CallResult, memory: ItemMemory, items: readonly Item[]): Response {
  const { request, promptIds, choices, id } = result;
  const isCut = choices[0]?.finishReason === "length";
  const sampled = countAnswerTokens(choices);
  const output = withLogprobs(result, items);
  const response = {
    ...begunResponse(result),
    status: isCut ? "incomplete" : "completed",
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output,
    usage: {
      input_tokens: promptIds.length,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: sampled,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: promptIds.length + sampled,
    },
    ...(request.tokenIds ? tokenIds(promptIds, choices[0]) : {}),
  };
  remember(memory, id, { response, input: (request.wire as ResponseWire).input, output });
  return response;
}

/** As it is before anything was sampled. */
export function begunResponse({ request, id, created }: CallHead): Response {
  const { body } = request.wire as ResponseWire;
  return {
    ...{ id, object: "response", created_at: created, status: "in_progress", background: false },
    ...{ error: null, incomplete_details: null, model: request.model, output: [], usage: null },
    ...repeated(body),
  };
}

// --- internal ---

function withLogprobs({ request, choices, tokenizer }: CallResult, items: readonly Item[]): readonly Item[] {
  const [choice] = choices;
  if (request.logprobs === null || choice === undefined) return items;
  const logprobs = logprobsOf(choice.sampled, tokenizer).content;
  return items.map((item) =>
    item.type === "message" ? { ...item, content: [{ ...Object(item.content)[0], logprobs }] } : item,
  );
}

function tokenIds(promptIds: Int32Array, choice: AnswerChoice | undefined): Response {
  return {
    prompt_token_ids: Array.from(promptIds),
    token_ids: Array.from(choice?.sampled.tokens ?? []),
  };
}

function repeated(body: ResponseBody): Response {
  return {
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: { type: "text" }, ...Object(body.text) },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? "disabled",
  };
}
