// Conversations to prompts, by the chat template of a Hugging Face folder, as apply_chat_template of transformers gives
// them. OpenAI's messages are brought into the form that templates expect: text contents, arguments as objects.
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { parseJson } from "../base/json-text.js";
import { compileJinja, RaisedError } from "../jinja/jinja.js";
import { strftime } from "../jinja/strftime.js";
import { toJson } from "../jinja/to-json.js";
import { SpelledJson, toValue } from "../jinja/values.js";
import type { ChatMessage, ToolDefinition } from "../types/chat.js";
import { modelError, readModelText } from "./model-file.js";
import {
  checkDate,
  checkTemplate,
  checkVariables,
  dateVariables,
  type TemplateDefaults,
  type TemplateVariables,
} from "./template-options.js";
import type { Tokenizer } from "./tokenizer.js";
import { readTokenizerConfig, type TokenizerConfig } from "./tokenizer-config.js";

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
}

export interface ChatTemplate {
  /**
   * @returns the prompt's text
   * @throws E_ARGUMENT when a message is malformed, the template refuses it, or the model has no template; E_MODEL when
   * the template cannot be carried out
   */
  render(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
}

/**
 * Reads chat_template.jinja or, failing that, `chat_template` of tokenizer_config.json: one text, or named ones, of which
 * "tool_use" is taken when there are tools and "default" otherwise. A folder without a template loads; rendering throws.
 * @throws E_MODEL when a template is not Jinja or a file is damaged
 */
export function loadChatTemplate(
  dir: string,
  defaults: TemplateDefaults = checkTemplate(kWho),
): ChatTemplate {
  const config = readTokenizerConfig(dir);
  const templates = readTemplates(dir, config);
  const compiled = new Map(templates.map(({ name, file, source }) => [name, compile(dir, file, source)]));
  return {
    render(messages, options = {}) {
      const { tools, addGenerationPrompt = true, date, template, ...others } = options;
      const own = checkVariables(kWho, "template", template);
      const moment = date === undefined ? defaults.moment : checkDate(kWho, "date", date);
      const someTools = tools?.length ? tools : null;
      const render = (someTools && compiled.get("tool_use")) ?? compiled.get("default");
      if (render === undefined) throw noTemplateError(dir);
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
  };
}

// --- internal ---

type Render = (messages: readonly ChatMessage[], variables: Readonly<Record<string, unknown>>) => string;

interface TemplateSource {
  readonly name: string;
  readonly file: string;
  readonly source: string;
}

const kFile = "chat_template.jinja";
const kConfigFile = "tokenizer_config.json";

function readTemplates(dir: string, { chatTemplate }: TokenizerConfig): TemplateSource[] {
  const own = readModelText(dir, kFile);
  if (own !== undefined) return [{ name: "default", file: kFile, source: own }];
  if (chatTemplate === undefined) return [];
  if (typeof chatTemplate === "string") {
    return [{ name: "default", file: kConfigFile, source: chatTemplate }];
  }
  return chatTemplate.map(({ name, template }) => ({ name, file: kConfigFile, source: template }));
}

function compile(dir: string, file: string, source: string): Render {
  let template: ReturnType<typeof compileJinja>;
  try {
    template = compileJinja(source);
  } catch (cause) {
    throw modelError(dir, file, "a chat template in Jinja", String(cause), cause);
  }
  const keepsNull = kTestsForNull.test(source);
  return (messages, variables) => {
    const prepared = checkMessages(messages).map((message, i) => prepareMessage(message, i, keepsNull));
    try {
      return template.render({ ...variables, messages: prepared });
    } catch (cause) {
      if (cause instanceof RaisedError) {
        const text = `${kWho}: expected a conversation that the chat template accepts, got: ${cause.message}`;
        throw new LightningError("E_ARGUMENT", text, { cause });
      }
      throw modelError(dir, file, "a chat template that can be carried out", String(cause), cause);
    }
  };
}

const kWho = "policy.renderChat";

// Most templates join contents without a look and mean empty text by null; a few test for it.
const kTestsForNull = /\bcontent['"]?\]?\s+is\s+(?:not\s+)?none\b/;

function noTemplateError(dir: string): LightningError {
  return new LightningError(
    "E_ARGUMENT",
    `${kWho}: expected a model with a chat template, got ${dir} without ${kFile} and without chat_template in ` +
      `${kConfigFile}; load an instruction-tuned model, add the file, or give the prompt as text`,
  );
}

function checkMessages(messages: unknown): readonly ChatMessage[] {
  if (Array.isArray(messages) && messages.length > 0) return messages;
  throw argumentError(kWho, "at least one message", messages);
}

function prepareMessage(message: ChatMessage, i: number, keepsNull: boolean): Record<string, unknown> {
  const at = `messages[${i}]`;
  if (typeof message !== "object" || message === null)
    throw argumentError(kWho, `${at} to be a message`, message);
  if (typeof message.role !== "string") throw argumentError(kWho, `${at}.role to be text`, message.role);
  const calls = message.tool_calls?.length
    ? prepareToolCalls(message.tool_calls, `${at}.tool_calls`)
    : undefined;
  const mayBeNull = message.role === "assistant" && calls !== undefined;
  const content = contentText(message.content, `${at}.content`, mayBeNull) ?? (keepsNull ? null : "");
  return { ...message, content, tool_calls: calls };
}

function contentText(content: unknown, at: string, mayBeNull: boolean): string | null {
  if (typeof content === "string") return content;
  if (content == null && mayBeNull) return null;
  if (!Array.isArray(content)) throw argumentError(kWho, `${at} to be text`, content);
  const texts = content.map((part, i) => {
    if (part?.type === "text" && typeof part.text === "string") return part.text;
    throw argumentError(kWho, `${at}[${i}] to be a part of type "text"`, part?.type);
  });
  return texts.join("\n");
}

function prepareToolCalls(calls: readonly unknown[], at: string): unknown[] {
  return calls.map((call, i) => {
    const called = Object(call).function;
    if (typeof called?.name !== "string") {
      throw argumentError(kWho, `${at}[${i}].function.name to be text`, called?.name);
    }
    const args = prepareArguments(called.arguments, `${at}[${i}].function.arguments`);
    return { ...Object(call), function: { ...called, arguments: args } };
  });
}

// Templates want objects, or join the text to theirs: this is both. Numbers print as Python would print them, which read the text with json.loads.
function prepareArguments(args: unknown, at: string): unknown {
  const isObject = typeof args === "object" && args !== null && !Array.isArray(args);
  const text = isObject ? toJson(toValue(args)) : args == null || args === "" ? "{}" : args;
  const node = typeof text === "string" ? parseJson(text) : undefined;
  if (node?.type === "object") return new SpelledJson(node, String(text));
  throw argumentError(kWho, `${at} to be a JSON object`, args);
}
