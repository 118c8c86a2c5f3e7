// Spans of one attempt as a RolloutView.

import type { CallView, EmittedPart, RolloutView } from "../types/rollout-view.js";
import type { Attributes, Span } from "../types/span.js";
import { rewardsOfSpan } from "../types/span-reward.js";
import type { RolloutResult } from "../types/task-group.js";
import { type FoundCall, findCalls } from "./find-calls.js";
import { type Conversation, toMessages } from "./messages.js";
import { toSpanTree } from "./span-tree.js";
import { type ArgumentChecks, createArgumentChecks, toolResults, toToolCallView } from "./tool-call-view.js";

type RolloutFacts = Pick<
  RolloutResult,
  "rolloutId" | "attemptId" | "sample" | "outcome" | "reward" | "error"
>;

/** @param spans  of one attempt, in any order, with their exact parents; calls below a span that carries a reward are a judge's and left out */
export function toRolloutView(spans: readonly Span[], rollout: RolloutFacts): RolloutView {
  const ordered = spans.toSorted((a, b) => a.sequenceId - b.sequenceId);
  const { rolloutId, attemptId, sample, outcome, reward, error } = rollout;
  return {
    ...{ rolloutId, attemptId, sample, outcome, reward },
    emitted: ordered.flatMap(emittedParts),
    calls: toCallViews(ordered),
    error,
  };
}

// --- internal ---

function emittedParts(span: Span): EmittedPart[] {
  return rewardsOfSpan(span).map((reward) => ({ spanId: span.spanId, ...reward }));
}

function toCallViews(ordered: readonly Span[]): CallView[] {
  const root = toSpanTree(ordered);
  if (root === null) return [];
  const found = findCalls(root, {
    callMatch: /openai\.chat\.completion/,
    agentMatch: null,
    excludeCallsInReward: true,
  }).toSorted((a, b) => a.span.sequenceId - b.span.sequenceId);
  const exceptions = exceptionsByCall(ordered, found);
  const conversations = found.map(({ span }) => toMessages([span])[0]);
  const results = new Map(conversations.flatMap((said) => toolResults(said?.messages.slice(0, -1) ?? [])));
  const checks = createArgumentChecks();
  return found.map((call, i) =>
    toCallView(call, conversations[i], { results, checks, exceptions: exceptions.get(call.span) ?? [] }),
  );
}

interface CallFacts {
  readonly results: ReadonlyMap<string, string>;
  readonly checks: ArgumentChecks;
  readonly exceptions: readonly string[];
}

function toCallView(
  { span, agent }: FoundCall,
  said: Conversation | undefined,
  { results, checks, exceptions }: CallFacts,
): CallView {
  const { attributes, spanId } = span;
  const answer = said?.messages.at(-1) ?? { role: "assistant", content: "" };
  const tools = said?.tools ?? null;
  const finishReason = attributes["gen_ai.response.finish_reason"];
  return {
    ...{ spanId, agent, tools, answer, exceptions },
    messages: said?.messages.slice(0, -1) ?? [],
    toolCalls: (answer.tool_calls ?? []).map((call) => toToolCallView(call, tools, results, checks)),
    malformedCalls: numberOf(attributes, "agentlightning.malformed_calls") ?? 0,
    finishReason: typeof finishReason === "string" ? finishReason : null,
    responseTokens: numberOf(attributes, "gen_ai.usage.output_tokens"),
  };
}

/** Each error is of the call before it, of the innermost span that holds both: agents that run beside each other keep theirs. */
function exceptionsByCall(
  ordered: readonly Span[],
  calls: readonly FoundCall[],
): ReadonlyMap<Span, readonly string[]> {
  const parents = new Map(ordered.map(({ spanId, parentId }) => [spanId, parentId]));
  const chains = calls.map(({ span }) => chainOf(span.spanId, parents));
  const byCall = new Map<Span, string[]>();
  for (const span of ordered) {
    const message = exceptionOf(span);
    if (message === null) continue;
    const before = calls.flatMap((call, i) =>
      call.span.sequenceId < span.sequenceId ? [{ call, chain: chains[i] }] : [],
    );
    const own = [...chainOf(span.spanId, parents)];
    const shared = own.find((id) => before.some(({ chain }) => chain?.has(id)));
    const of = before.findLast(({ chain }) => shared !== undefined && chain?.has(shared))?.call.span;
    if (of === undefined) continue;
    const known = byCall.get(of) ?? [];
    // One that passes through several operations is told by each.
    if (!known.includes(message)) byCall.set(of, [...known, message]);
  }
  return byCall;
}

/** A span with all above it, itself first; "" stands for the attempt. */
function chainOf(spanId: string, parents: ReadonlyMap<string, string | null>): ReadonlySet<string> {
  const chain = new Set<string>();
  for (let id: string | null | undefined = spanId; id && !chain.has(id); id = parents.get(id)) chain.add(id);
  return chain.add("");
}

function exceptionOf(span: Span): string | null {
  const at = span.events.find(({ name }) => name === "exception")?.attributes ?? span.attributes;
  const message = at["exception.message"];
  if (span.name === "agentlightning.exception" || span.status.code === "ERROR")
    return String(message ?? span.status.description ?? "an error");
  return null;
}

function numberOf(attributes: Attributes, name: string): number | null {
  const value = attributes[name];
  return typeof value === "number" ? value : null;
}
