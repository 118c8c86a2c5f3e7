// One rollout as text: a tree of what was asked, answered, emitted and earned.
import { fileURLToPath } from "node:url";
import { type SpanNode, toSpanTree } from "../../adapter/span-tree.js";
import type { Attributes, Span } from "../../types/span.js";
import type { RolloutResult } from "../../types/task-group.js";

export function describeRollout(result: RolloutResult, spans: readonly Span[]): string {
  const root = toSpanTree(spans);
  const top = root === null ? [] : root.span === null ? root.children : [root];
  const ending = result.error === null ? "" : ` (${result.error})`;
  return [
    `rollout ${result.rolloutId}: ${result.modelCalls} model calls in ${result.seconds.toFixed(2)} s`,
    ...top.flatMap((node) => branch(node, false)),
    `└─ ${result.outcome}${ending}; reward ${result.reward ?? "none"}; ${result.trajectories.length} training rows`,
  ].join("\n");
}

/** A stack without the frames of this package and of Node. */
export function ownFrames(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !isForeign(line))
    .join("\n");
}

// --- internal ---

// dist/ where it is installed.
const kFolder = new URL("../..", import.meta.url);

function isForeign(frame: string): boolean {
  return (
    frame.includes(kFolder.href) ||
    frame.includes(fileURLToPath(kFolder)) ||
    /[( ]node:/.test(frame) ||
    /\(<anonymous>\)$/.test(frame)
  );
}

function branch({ span, children }: SpanNode, isLast: boolean): string[] {
  const [first = "", ...rest] = span === null ? ["a span that was not recorded"] : describe(span);
  const below = isLast ? "   " : "│  ";
  const inner = children.length > 0 ? "│  " : "   ";
  return [
    `${isLast ? "└─" : "├─"} ${first}`,
    ...rest.map((line) => `${below}${inner}${line}`),
    ...children.flatMap((child, i) =>
      branch(child, i === children.length - 1).map((line) => `${below}${line}`),
    ),
  ];
}

function describe(span: Span): string[] {
  const lines = span.name.endsWith("chat.completion")
    ? describeCall(span)
    : describeAttributes(span.name, span.attributes);
  const events = span.events.flatMap(({ name, attributes }) => describeAttributes(name, attributes));
  return [...lines, ...events].flatMap((line) => line.split("\n"));
}

function describeCall({ attributes }: Span): string[] {
  const last = Object.keys(attributes).filter((key) => /^gen_ai\.prompt\.\d+\.role$/.test(key)).length - 1;
  const calls = Object.keys(attributes)
    .filter((key) => /^gen_ai\.completion\.0\.tool_calls\.\d+\.name$/.test(key))
    .map((key) => `${attributes[key]}(${attributes[key.replace(/name$/, "arguments")]})`);
  return [
    `call (${attributes["gen_ai.usage.input_tokens"]} tokens, ${attributes["agentlightning.prefix"]}): ${attributes[`gen_ai.prompt.${last}.role`]}: ${attributes[`gen_ai.prompt.${last}.content`] ?? ""}`,
    `-> ${[attributes["gen_ai.completion.0.content"], ...calls].filter(Boolean).join(" ")} [${attributes["gen_ai.response.finish_reason"]}, ${attributes["gen_ai.usage.output_tokens"]} tokens]`,
  ];
}

function describeAttributes(name: string, attributes: Attributes): string[] {
  const { "exception.stacktrace": stack, ...others } = attributes;
  const shown = Object.keys(others).length === 0 ? name : `${name} ${JSON.stringify(others)}`;
  return typeof stack === "string" ? [shown, ownFrames(stack)] : [shown];
}
