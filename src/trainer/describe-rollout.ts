// One rollout as text: what was asked, answered, emitted and earned.
import type { Span } from "../types/span.js";
import type { RolloutResult } from "../types/task-group.js";

export function describeRollout(result: RolloutResult, spans: readonly Span[]): string {
  const lines = spans.flatMap((span) =>
    span.name.endsWith("chat.completion") ? describeCall(span) : [describeSpan(span)],
  );
  const ending = result.error === null ? "" : ` (${result.error})`;
  return [
    `rollout ${result.rolloutId}: ${result.modelCalls} model calls in ${result.seconds.toFixed(2)} s`,
    ...lines,
    `${result.outcome}${ending}; reward ${result.reward ?? "none"}; ${result.trajectories.length} training rows`,
  ].join("\n");
}

// --- internal ---

function describeCall(span: Span): string[] {
  const { attributes } = span;
  const last = Object.keys(attributes).filter((key) => /^gen_ai\.prompt\.\d+\.role$/.test(key)).length - 1;
  const calls = Object.keys(attributes)
    .filter((key) => /^gen_ai\.completion\.0\.tool_calls\.\d+\.name$/.test(key))
    .map((key) => `${attributes[key]}(${attributes[key.replace(/name$/, "arguments")]})`);
  return [
    `  call (${attributes["gen_ai.usage.input_tokens"]} tokens, ${attributes["agentlightning.prefix"]}): ${attributes[`gen_ai.prompt.${last}.role`]}: ${attributes[`gen_ai.prompt.${last}.content`] ?? ""}`,
    `    -> ${[attributes["gen_ai.completion.0.content"], ...calls].filter(Boolean).join(" ")} [${attributes["gen_ai.response.finish_reason"]}, ${attributes["gen_ai.usage.output_tokens"]} tokens]`,
  ];
}

function describeSpan(span: Span): string {
  return `  ${span.name} ${JSON.stringify(span.attributes)}`;
}
