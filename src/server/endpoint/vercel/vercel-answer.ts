// A canonical answer in the AI SDK's words, whole and in parts of a stream.
import { type AnswerChoice, countAnswerTokens } from "../answer.js";
import { kEventStream } from "../answer-stream.js";
import type { CallHead, CallPiece, CallResult, Frames, TextPiece } from "../dialect.js";
import { openAiStreamError } from "../open-ai-failure.js";

export function vercelBody(result: CallResult): Record<string, unknown> {
  const [answer] = result.choices;
  const { content = null, thought = null, toolCalls = [] } = answer ?? {};
  const hasText = content !== null && (content !== "" || toolCalls.length === 0);
  return {
    content: [
      ...(thought === null ? [] : [{ type: "reasoning", text: thought }]),
      ...(hasText ? [{ type: "text", text: content }] : []),
      ...toolCalls.map(({ id, function: { name, arguments: input } }) => toolCall(id, name, input)),
    ],
    ...endOf(result),
    warnings: [],
  };
}

export function createVercelFrames(call: CallHead): Frames {
  // The part that is open: texts and thoughts have a beginning and an end, and calls do.
  let open: { readonly kind: string; readonly id: string } | undefined;
  let count = 0;
  const closing = (): string[] => {
    if (open === undefined) return [];
    const { kind, id } = open;
    open = undefined;
    return [frame({ type: `${kind}-end`, id })];
  };
  const text = (piece: TextPiece): string[] => {
    const kind = piece.kind === "text" ? "text" : "reasoning";
    const frames = open?.kind === kind ? [] : closing();
    if (open === undefined) {
      open = { kind, id: `${count++}` };
      frames.push(frame({ type: `${kind}-start`, id: open.id }));
    }
    return [...frames, frame({ type: `${kind}-delta`, id: open.id, delta: piece.text })];
  };
  const input = ({ isFirst, id, name, text: delta }: CallPiece): string[] => {
    const frames = isFirst ? closing() : [];
    if (isFirst) frames.push(frame({ type: "tool-input-start", id, toolName: name }));
    open = { kind: "tool-input", id };
    return delta === "" ? frames : [...frames, frame({ type: "tool-input-delta", id, delta })];
  };
  return {
    contentType: kEventStream,
    open: () => [
      frame({ type: "stream-start", warnings: [] }),
      frame({
        ...{ type: "response-metadata", id: call.id, modelId: call.request.model },
        timestamp: new Date(call.created * 1000).toISOString(),
      }),
    ],
    piece(piece) {
      if (piece.kind === "call") return input(piece);
      if (piece.kind !== "end") return text(piece);
      const calls = piece.answer.toolCalls.map(({ id, function: called }) =>
        frame(toolCall(id, called.name, called.arguments)),
      );
      return [...closing(), ...calls];
    },
    close: (result) => [frame({ type: "finish", ...endOf(result) })],
    fail: (error) => [frame({ type: "error", error: openAiStreamError(error) })],
  };
}

// --- internal ---

function frame(part: object): string {
  return `data: ${JSON.stringify(part)}\n\n`;
}

function toolCall(toolCallId: string, toolName: string, input: string): Record<string, unknown> {
  return { type: "tool-call", toolCallId, toolName, input };
}

/** A whole answer has no place for an id but the gateway's own. */
function endOf({ choices, promptIds, id }: CallResult): Record<string, unknown> {
  const [answer] = choices;
  const [input, output] = [promptIds.length, countAnswerTokens(choices)];
  return {
    finishReason: finishReasonOf(answer),
    usage: {
      inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: output, text: output, reasoning: 0 },
    },
    providerMetadata: { gateway: { generationId: id } },
  };
}

function finishReasonOf(answer: AnswerChoice | undefined): Record<string, unknown> {
  const raw = answer?.finishReason ?? "stop";
  return { unified: raw === "tool_calls" ? "tool-calls" : raw === "length" ? "length" : "stop", raw };
}
