// Token ids are never made twice: when a request's messages extend an earlier exchange of the same rollout, its prompt is that exchange's ids as
// they were, and only the text that the template adds after them is encoded. One memory per rollout.
import { LightningError } from "../../base/error.js";
import { orAborted } from "../../base/or-aborted.js";
import type { Policy } from "../../policy/policy.js";
import { callForms } from "../../policy/tool-calls/call-forms.js";
import type { AnswerChoice } from "./answer.js";
import { type CallReader, endOfAnswer } from "./answer-end.js";
import { type EncodeOptions, encodeAfter, joinedIds } from "./encode-after.js";
import { type EndMark, endMarks } from "./end-marks.js";
import { type Conversation, createExchanges, type Exchange, type FoundExchange } from "./exchanges.js";
import { createTemplateNotes, type TemplateNotes } from "./template-notes.js";
import { endsInThought, setThoughtApart, type ThoughtApart, withThought } from "./thought.js";

/** "start": nothing earlier fits; "extends": spliced; "break": an earlier exchange fits but the template rewrites its history, or a thought of it did not come back. */
export type Prefix = "start" | "extends" | "break";

export interface SplicedPrompt {
  /** The whole conversation as the template writes it. */
  readonly text: string;
  readonly ids: Int32Array;
  readonly prefix: Prefix;
  /** The text ends inside a thought: the answer begins in it. */
  readonly inThought: boolean;
  /** It is a break because a thought did not come back. */
  readonly lacksThought: boolean;
  /** What was rendered. */
  readonly conversation: Conversation;
}

export interface IdMemory {
  /**
   * The prompt's ids. Which exchange it continues is decided before this returns.
   * @throws what renderChat throws; TooManyTokensError; the signal's reason
   */
  prompt(request: Conversation, options: EncodeOptions): Promise<SplicedPrompt>;
  /** Remembers what was answered, and the ids of it as sampled. */
  remember(prompt: SplicedPrompt, answer: RememberedAnswer, responseIds: Int32Array): void;
}

export type RememberedAnswer = Pick<AnswerChoice, "thought" | "content" | "written" | "toolCalls">;

/** What becomes of a thought that a client does not send back: "sent", the prompt is without it; "keep", the remembered one stands in it. */
export type Thoughts = "sent" | "keep";

export function createIdMemory(
  policy: Pick<Policy, "renderChat" | "tokenizer" | "config" | "toolCalls" | "thoughtsIn">,
  thoughts: Thoughts = "sent",
  notes: TemplateNotes = createTemplateNotes(),
): IdMemory {
  const form = policy.toolCalls === null ? undefined : callForms[policy.toolCalls];
  const exchanges = createExchanges();
  const render = ({ messages, tools, template }: Conversation, addGenerationPrompt: boolean) =>
    policy.renderChat(
      messages.map((message) => withThought(message, policy.thoughtsIn)),
      { ...(tools.length > 0 ? { tools } : {}), template, addGenerationPrompt },
    ).text;
  notes.marks ??= endMarks(policy);
  const { marks } = notes;
  return {
    async prompt(asked, options) {
      const request = { ...asked, messages: asked.messages.map(setThoughtApart) };
      const earlier = exchanges.find(request);
      const lacksThought = thoughts === "sent" && (earlier?.lacksThought ?? false);
      const conversation = asRemembered(request, earlier, thoughts);
      const text = render(conversation, true);
      const inThought = endsInThought(text, () => render(conversation, false));
      const asLast = () =>
        earlier === undefined ? "" : orNothing(() => render(earlier.conversation, false));
      const reader = { form, tools: conversation.tools };
      const closing =
        earlier === undefined || lacksThought
          ? undefined
          : closingText(earlier, text, { marks, reader, renderAsLast: asLast });
      const known = { text, inThought, lacksThought, conversation };
      if (earlier === undefined || closing === undefined) {
        const ids = await encodeShared(policy, notes, text, options);
        return { ...known, ids, prefix: earlier === undefined ? "start" : "break" };
      }
      return { ...known, ids: await encodeAfter(policy, earlier.ids, closing, options), prefix: "extends" };
    },
    remember({ conversation, ids, text }, answer, responseIds) {
      exchanges.add({
        conversation: { ...conversation, messages: [...conversation.messages, toMessage(answer)] },
        said: { content: answer.written ?? "", calls: answer.toolCalls.map((call) => call.function) },
        ids: joinedIds(ids, responseIds),
        promptText: text,
        lastId: responseIds.at(-1) ?? -1,
      });
    },
  };
}

// --- internal ---

/** Others may wait for the same ids: who gives up does so alone. */
function encodeShared(
  { tokenizer }: Pick<Policy, "tokenizer">,
  { encoded }: TemplateNotes,
  text: string,
  { most, signal }: EncodeOptions,
): Int32Array | Promise<Int32Array> {
  const ids = encoded.of(text, () => tokenizer.encodeAsync(text, { most }));
  return ids instanceof Int32Array ? ids : orAborted(ids, signal);
}

/** A template that refuses an answer as the last message has written it all the same, before others. */
function orNothing(render: () => string): string {
  try {
    return render();
  } catch (error) {
    if (error instanceof LightningError && (error.code === "E_ARGUMENT" || error.code === "E_MODEL"))
      return "";
    throw error;
  }
}

interface Closing {
  readonly marks: readonly EndMark[];
  readonly reader: CallReader;
  renderAsLast(): string;
}

function toMessage({ thought, content, written, toolCalls }: RememberedAnswer): ThoughtApart {
  const message = { role: "assistant", content, tool_calls: toolCalls };
  if (written === null || (thought === null && written === content)) return message;
  return { ...message, reasoning: thought ?? "", written };
}

/** Thoughts that came back, and those that are kept, stand as they were written. */
function asRemembered(
  request: Conversation,
  earlier: FoundExchange | undefined,
  thoughts: Thoughts,
): Conversation {
  const messages = request.messages.map((message, i) => {
    const { reasoning, written, content = null } = earlier?.conversation.messages[i] ?? {};
    const isBack = thoughts === "keep" || reasoning === "" || message.reasoning !== undefined;
    if (reasoning === undefined || !isBack) return message;
    return { ...message, content, reasoning, ...(written === undefined ? {} : { written }) };
  });
  return { ...request, messages };
}

/**
 * What the template writes after the sampled text of the answer: its end-of-turn token unless that was sampled, and what follows it.
 * First by the conversation's own text; where that writes the answer in other words, by how the template writes it as the last message.
 */
function closingText(
  exchange: Exchange,
  text: string,
  { marks, reader, renderAsLast }: Closing,
): string | undefined {
  const { promptText, said } = exchange;
  if (!text.startsWith(promptText)) return undefined;
  const rest = text.slice(promptText.length);
  const end = endOfAnswer(rest, said, reader);
  const closing = end === undefined ? undefined : closingAfter(exchange, rest, end, marks, renderAsLast);
  if (closing !== undefined) return closing;
  const asLast = renderAsLast();
  if (!asLast.startsWith(promptText) || !text.startsWith(asLast)) return undefined;
  return closingAfter(exchange, rest, endOfLast(asLast.slice(promptText.length), marks), marks, () => asLast);
}

/** Where the last stop token that was written begins, or any token that nothing follows; the end where there is none. */
function endOfLast(written: string, marks: readonly EndMark[]): number {
  const stop = Math.max(...marks.map(({ isStop, text }) => (isStop ? written.lastIndexOf(text) : -1)));
  if (stop >= 0) return stop;
  const trimmed = written.trimEnd();
  const mark = marks.find(({ text }) => trimmed.endsWith(text));
  return mark === undefined ? written.length : trimmed.length - mark.text.length;
}

function closingAfter(
  { lastId }: Exchange,
  rest: string,
  end: number,
  marks: readonly EndMark[],
  renderAsLast: () => string,
): string | undefined {
  const at = rest.length - rest.slice(end).trimStart().length;
  const mark = marks.find(({ text }) => rest.startsWith(text, at));
  // Something of the answer's that was not said, such as an empty thought.
  if (mark === undefined && marks.some(({ isStop, text }) => isStop && rest.includes(text, end)))
    return undefined;
  // Another token that ends turns stands for the template's own, but not for one that begins the next message.
  const isReplaced =
    mark?.isStop === true &&
    marks.some(({ id, isStop }) => isStop && id === lastId) &&
    (mark.id === lastId || renderAsLast().trimEnd().endsWith(mark.text));
  return isReplaced ? rest.slice(at + mark.text.length) : rest.slice(end);
}
