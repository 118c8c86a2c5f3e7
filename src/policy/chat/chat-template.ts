// Conversations to prompts, by the chat template of a Hugging Face folder, as apply_chat_template of transformers gives them. A message whose
// text the template drops is refused.
import { LightningError } from "../../base/error.js";
import { compileJinja, type JinjaTemplate, RaisedError } from "../../jinja/jinja.js";
import { strftime } from "../../jinja/strftime.js";
import type { ChatMessage, ToolDefinition } from "../../types/chat.js";
import { modelError } from "../model/model-file.js";
import { kTemplateFile, readTemplates, type TemplateSource } from "../tokenizer/template-files.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { readTokenizerConfig } from "../tokenizer/tokenizer-config.js";
import { familyOf, type ToolCallFamily } from "../tool-calls/call-forms.js";
import {
  type ContentForm,
  type PreparedMessage,
  prepareMessages,
  type TemplateManners,
  toTemplateMessage,
} from "./chat-messages.js";
import { createKeptTexts, findDropped, shapeOf } from "./kept-texts.js";
import {
  checkDate,
  checkTemplate,
  checkVariables,
  dateVariables,
  type TemplateDefaults,
  type TemplateVariables,
} from "./template-options.js";

export interface RenderChatOptions {
  /** What the model may call. An empty list is none. */
  readonly tools?: readonly ToolDefinition[];
  /** End with the beginning of the assistant's answer. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** The date that the template prints. Default: the policy's. */
  readonly date?: string;
  /** Further variables of the template, over the policy's. */
  readonly template?: TemplateVariables;
  /** The same, where the name is none of the above: `{ enable_thinking: false }`. */
  readonly [variable: string]: unknown;
}

export interface RenderedChat {
  readonly text: string;
  readonly ids: Int32Array;
  /** Names of `template` that no template of the folder speaks of: they changed nothing. */
  readonly unread: readonly string[];
}

/** A message's field that may hold a thought: one of its own, or the content, between <think> and </think>. */
export type ThoughtField = "reasoning_content" | "content";

export interface ChatTemplate {
  /**
   * @returns the prompt's text
   * @throws E_ARGUMENT when a message is malformed, the template refuses it, or the model has no template; E_MODEL when
   * the template cannot be carried out
   */
  render(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
  /** Whether a template speaks of the variable. */
  reads(variable: string): boolean;
  /** Whose way of writing tool calls it is; null for none that is known, or no template that can be read. */
  readonly family: ToolCallFamily | null;
  /** Where it looks for the thought of an earlier answer. */
  readonly thoughtsIn: ThoughtField;
}

/**
 * Reads the folder's templates. Of several "tool_use" is taken when there are tools and "default" otherwise. A folder without a template, or with
 * one that cannot be read, loads; rendering throws.
 * @throws E_MODEL when tokenizer_config.json is damaged
 */
export function loadChatTemplate(
  dir: string,
  defaults: TemplateDefaults = checkTemplate(kWho),
): ChatTemplate {
  const config = readTokenizerConfig(dir);
  const sources = orReason(() => readTemplates(dir, config));
  const renders = orReason(() => compileAll(dir, sources()));
  return {
    family: familyOf(forTools(sources)),
    thoughtsIn: kReasoning.test(forTools(sources)) ? "reasoning_content" : "content",
    reads: (variable) => sources().some(({ source }) => source.match(kWords)?.includes(variable)),
    render(messages, options = {}) {
      const { tools, addGenerationPrompt = true, date, template, ...others } = options;
      const own = checkVariables(kWho, "template", template);
      const moment = date === undefined ? defaults.moment : checkDate(kWho, "date", date);
      const someTools = tools?.length ? tools : null;
      const render = choose(dir, renders(), someTools !== null)();
      return render(messages, {
        ...config.specialTokens,
        documents: null,
        strftime_now: (format: unknown) => strftime(moment, String(format)),
        ...defaults.variables,
        ...(date === undefined ? {} : dateVariables(moment)),
        ...own,
        ...others,
        tools: someTools,
        add_generation_prompt: addGenerationPrompt,
      });
    },
  };
}

/** The prompt as text and as ids: special tokens in the text become their ids, and no others are added. */
export function renderChat(
  template: ChatTemplate,
  tokenizer: Pick<Tokenizer, "encode">,
  messages: readonly ChatMessage[],
  options?: RenderChatOptions,
): RenderedChat {
  const text = template.render(messages, options);
  let ids: Int32Array | undefined;
  return {
    text,
    // Encoded when asked for: who compares texts need not pay for it.
    get ids() {
      ids ??= tokenizer.encode(text);
      return ids;
    },
    get unread() {
      return Object.keys(options?.template ?? {}).filter((name) => !template.reads(name));
    },
  };
}

// --- internal ---

type Variables = Readonly<Record<string, unknown>>;
type Render = (messages: readonly ChatMessage[], variables: Variables) => string;

const kWho = "policy.renderChat";
const kWords = /[\p{L}_][\p{L}\p{N}_]*/gu;

/** What a function gives or throws, kept for whoever asks. */
function orReason<T>(make: () => T): () => T {
  try {
    const made = make();
    return () => made;
  } catch (reason) {
    return () => {
      throw reason;
    };
  }
}

/** The source of the template that is chosen with tools; empty where there is none. */
function forTools(sources: () => readonly TemplateSource[]): string {
  let all: readonly TemplateSource[];
  try {
    all = sources();
  } catch {
    return ""; // rendering says what is wrong with them
  }
  const named = (name: string) => all.find((each) => each.name === name)?.source;
  return named("tool_use") ?? named("default") ?? "";
}

function compileAll(dir: string, sources: readonly TemplateSource[]): ReadonlyMap<string, () => Render> {
  return new Map(sources.map((source) => [source.name, orReason(() => compile(dir, source))]));
}

/** @throws E_ARGUMENT when there is no template to choose */
function choose(dir: string, renders: ReadonlyMap<string, () => Render>, hasTools: boolean): () => Render {
  const render = (hasTools ? renders.get("tool_use") : undefined) ?? renders.get("default");
  if (render !== undefined) return render;
  const remedy = "load an instruction-tuned model, add the file, or give the prompt as text";
  const named = [...renders.keys()].map((name) => JSON.stringify(name)).join(", ");
  const got =
    named === ""
      ? `${dir} without ${kTemplateFile} and without chat_template in tokenizer_config.json`
      : `${dir} with ${named} alone`;
  const expected = named === "" ? "a model with a chat template" : 'a chat template named "default"';
  throw new LightningError("E_ARGUMENT", `${kWho}: expected ${expected}, got ${got}; ${remedy}`);
}

function compile(dir: string, { file, source }: TemplateSource): Render {
  let template: JinjaTemplate;
  try {
    template = compileJinja(source);
  } catch (cause) {
    throw modelError(dir, file, "a chat template in Jinja", String(cause), cause);
  }
  const own: TemplateManners = {
    testsNull: kTestsForNull.test(source),
    knowsDeveloper: kNamesDeveloper.test(source),
    writesContents: kSpeaksOfContents.test(source),
  };
  const forms: readonly ContentForm[] = template.loopsOver("content") ? ["given", "text", "parts"] : ["text"];
  const kept = createKeptTexts();
  return (messages, variables) => {
    const prepared = prepareMessages(kWho, messages, own);
    const shape = shapeOf(prepared, variables);
    const known = kept.known(shape);
    let reason: unknown;
    for (const [form, manners] of waysFrom(forms, known, own)) {
      try {
        const text = renderKept(template, { prepared, variables, form, manners }, form === known);
        kept.remember(shape, form);
        return text;
      } catch (failure) {
        // The others are second ways: what the first one met is what is to be told.
        reason ??= failure;
      }
    }
    throw toChatError(dir, file, reason);
  };
}

/** The form that went well before first; at last empty text for null, which a template may test for and still join. */
function waysFrom(
  forms: readonly ContentForm[],
  known: ContentForm | undefined,
  manners: TemplateManners,
): readonly (readonly [ContentForm, TemplateManners])[] {
  const ordered = known === undefined ? forms : [known, ...forms.filter((each) => each !== known)];
  const joined = manners.testsNull ? [{ ...manners, testsNull: false }] : [];
  return [manners, ...joined].flatMap((each) => ordered.map((form) => [form, each] as const));
}

interface Conversation {
  readonly prepared: readonly PreparedMessage[];
  readonly variables: Variables;
  readonly form: ContentForm;
  readonly manners: TemplateManners;
}

/** @throws what the template throws, and E_ARGUMENT naming the message whose text it drops */
function renderKept(
  template: JinjaTemplate,
  { prepared, variables, form, manners }: Conversation,
  isKnown: boolean,
): string {
  const render = (texts?: readonly (readonly string[])[]) =>
    template.render({
      ...variables,
      messages: prepared.map((message, i) => toTemplateMessage(message, form, manners, texts?.[i])),
    });
  const tryTexts = (texts: readonly (readonly string[])[]): string | undefined => {
    try {
      return render(texts);
    } catch {
      return undefined; // refused for what the text is: so the template looks at it
    }
  };
  const prompt = render();
  if (!manners.writesContents) return prompt;
  const dropped = findDropped(prepared, prompt, tryTexts, isKnown);
  if (dropped === undefined) return prompt;
  const role = prepared[dropped.message]?.role ?? "";
  throw new LightningError(
    "E_ARGUMENT",
    `${kWho}: expected a chat template that writes messages[${dropped.message}] (role ${JSON.stringify(role)}), ` +
      `got a prompt without its text; ${kRemedies[role] ?? "give it another role or place"}, or use another chat template`,
  );
}

function toChatError(dir: string, file: string, reason: unknown): unknown {
  if (reason instanceof LightningError) return reason;
  if (!(reason instanceof RaisedError)) {
    return modelError(dir, file, "a chat template that can be carried out", String(reason), reason);
  }
  const text = `${kWho}: expected a conversation that the chat template accepts, got: ${reason.message}`;
  return new LightningError("E_ARGUMENT", text, { cause: reason });
}

const kRemedies: Readonly<Record<string, string>> = {
  developer: "put it into the first system message, or into a user's",
  system: "put it into the first system message, or into a user's",
  tool: "give the tool's result in a user's message",
};

// Most templates join contents without a look and mean empty text by null; a few test for it.
const kTestsForNull = /\bcontent['"]?\]?\s+is\s+(?:not\s+)?none\b/;
const kReasoning = /\breasoning_content\b/;
const kSpeaksOfContents = /\bcontent\b/;
const kNamesDeveloper = /['"]developer['"]/;
