// A model call as a span, in the attributes that adapters read (protocols: traceloop's names, and ours below agentlightning.).
import type { Tokenizer } from "../../policy/tokenizer/tokenizer.js";
import type { ChatMessage } from "../../types/chat.js";
import type { Attributes, AttributeValue, SpanDraft } from "../../types/span.js";
import type { ModelCall } from "./answer-call.js";
import { withThought } from "./thought.js";
import { logprobsOf } from "./token-logprobs.js";

export interface CallSpan extends Pick<SpanDraft, "name" | "status" | "attributes" | "events" | "startTime"> {
  readonly endTime: number;
}

/** Name and attributes; ids and parents are the recorder's. */
export function toCallSpan(call: ModelCall, tokenizer: Tokenizer): CallSpan {
  return {
    name: "openai.chat.completion",
    status: { code: "OK", description: null },
    attributes: attributesOf(call, tokenizer),
    events: [],
    startTime: call.startTime,
    endTime: call.endTime,
  };
}

// --- internal ---

type Mutable = Record<string, AttributeValue>;

/** One object for both: copying so many names of one's own would cost as much as writing them. */
function attributesOf(call: ModelCall, tokenizer: Tokenizer): Attributes {
  const out: Mutable = {};
  putRequest(out, call);
  putAnswer(out, call, tokenizer);
  return out;
}

function putRequest(out: Mutable, { request, sampling, prompt }: ModelCall): void {
  out["agentlightning.dialect"] = request.dialect;
  out["gen_ai.request.model"] = request.model;
  out["gen_ai.request.temperature"] = sampling.temperature;
  out["gen_ai.request.top_p"] = sampling.topP;
  out["gen_ai.request.max_tokens"] = sampling.maxTokens;
  // As they were rendered: a thought that came in a field of its own stands in the content.
  prompt.conversation.messages.forEach((message, i) => {
    putMessage(out, `gen_ai.prompt.${i}`, withThought(message, "content"));
  });
  request.tools.forEach(({ function: tool }, i) => {
    out[`gen_ai.request.functions.${i}.name`] = tool.name;
    if (tool.description !== undefined) out[`gen_ai.request.functions.${i}.description`] = tool.description;
    out[`gen_ai.request.functions.${i}.parameters`] = JSON.stringify(tool.parameters ?? {});
  });
  // What training replaced, so that nobody wonders why temperature 0 sampled.
  for (const [name, key] of kSampling) {
    const asked = request.sampling[key];
    if (asked !== null && asked !== sampling[key]) out[`agentlightning.replaced.${name}`] = asked;
  }
  if (request.ignored.length > 0) out["agentlightning.ignored"] = request.ignored;
}

const kSampling = [
  ["temperature", "temperature"],
  ["top_p", "topP"],
  ["top_k", "topK"],
  ["min_p", "minP"],
  ["max_tokens", "maxTokens"],
] as const;

function putAnswer(out: Mutable, call: ModelCall, tokenizer: Tokenizer): void {
  const { choice, prompt } = call;
  const { sampled } = choice;
  // One span a choice; adapters take a repeated response id for the same call.
  out["gen_ai.response.id"] = choice.index === 0 ? call.responseId : `${call.responseId}-${choice.index}`;
  out["gen_ai.response.model"] = call.request.model;
  out["gen_ai.response.finish_reason"] = choice.finishReason;
  out["gen_ai.usage.input_tokens"] = prompt.ids.length;
  out["gen_ai.usage.output_tokens"] = sampled.tokens.length;
  out.prompt_token_ids = numbers(prompt.ids);
  out.response_token_ids = numbers(sampled.tokens);
  out["agentlightning.response_logprobs"] = numbers(sampled.logprobs);
  out["agentlightning.adapter"] = sampled.adapter;
  out["agentlightning.version"] = sampled.version;
  out["agentlightning.arithmetic"] = sampled.arithmetic;
  out["agentlightning.temperature"] = call.sampling.temperature;
  out["agentlightning.prefix"] = prompt.prefix;
  if (prompt.lacksThought) out["agentlightning.break"] = "thought";
  if (choice.malformedCalls > 0) out["agentlightning.malformed_calls"] = choice.malformedCalls;
  putConstraint(out, sampled);
  if (sampled.versions) out["agentlightning.versions"] = numbers(sampled.versions);
  if (call.request.logprobs !== null)
    out["logprobs.content"] = JSON.stringify(logprobsOf(sampled, tokenizer).content);
  putMessage(out, "gen_ai.completion.0", {
    role: "assistant",
    content: choice.written,
    tool_calls: choice.toolCalls,
  });
}

/** As Array.from, which asks an iterator for each. */
function numbers(from: ArrayLike<number>): number[] {
  const all = new Array<number>(from.length);
  for (let i = 0; i < from.length; i++) all[i] = from[i] ?? 0;
  return all;
}

/** Of a constrained answer: which tokens were no choice, and what the model gave to what was allowed where there was one. */
function putConstraint(out: Mutable, { forced, mass }: ModelCall["choice"]["sampled"]): void {
  if (forced === undefined || mass === undefined) return;
  const unfree = new Set(forced);
  const choices = mass.filter((share, index): share is number => share !== null && !unfree.has(index));
  if (forced.length > 0) out["agentlightning.forced"] = [...forced];
  out["agentlightning.constraint.choices"] = choices.length;
  if (choices.length > 0)
    out["agentlightning.constraint.mass"] = choices.reduce((sum, share) => sum + share, 0) / choices.length;
}

function putMessage(out: Mutable, key: string, message: ChatMessage): void {
  out[`${key}.role`] = message.role;
  const { content } = message;
  if (typeof content === "string") out[`${key}.content`] = content;
  else if (content) out[`${key}.content`] = JSON.stringify(content);
  if (message.tool_call_id) out[`${key}.tool_call_id`] = message.tool_call_id;
  message.tool_calls?.forEach((call, i) => {
    const { name, arguments: args } = call.function;
    if (call.id !== undefined) out[`${key}.tool_calls.${i}.id`] = call.id;
    out[`${key}.tool_calls.${i}.name`] = name;
    out[`${key}.tool_calls.${i}.arguments`] = typeof args === "string" ? args : JSON.stringify(args);
  });
}
