// What of a request the chat template would drop without a word: tools that it does not write, calls in a form that nobody parses, names.
import { isDeepStrictEqual } from "node:util";
import { LightningError } from "../../base/error.js";
import { warn } from "../../base/warning.js";
import type { Policy } from "../../policy/policy.js";
import { parseToolCalls } from "../../policy/tool-calls.js";
import type { CallRequest } from "../../types/call-request.js";
import type { ChatMessage, ToolDefinition } from "../../types/chat.js";
import { notServed } from "./field-table.js";
import { badRequest, type RequestError } from "./request-error.js";

type Template = Pick<Policy, "renderChat">;
type ChatOptions = Pick<CallRequest, "template"> & { readonly tools?: CallRequest["tools"] };

export interface PromptChecks {
  /**
   * @returns the request, with what else it asked for in vain among `ignored`; each such field is warned of once
   * @throws RequestError naming what would vanish
   */
  check(request: CallRequest): CallRequest;
}

/**
 * @param template  renders as the rollout's prompts are
 * @param warned  names of fields that were warned of; grows
 */
export function createPromptChecks(template: Template, warned: Set<string>): PromptChecks {
  let tools: { readonly refused: RequestError | undefined } | undefined;
  const read = new Map<string, boolean>();
  const unread = ({ messages }: CallRequest, options: ChatOptions): readonly string[] => {
    const names = Object.keys(options.template);
    if (names.some((name) => !read.has(name))) {
      const found = template.renderChat(messages, options).unread;
      for (const name of names) read.set(name, !found.includes(name));
    }
    return names.filter((name) => read.get(name) === false).map((name) => `chat_template_kwargs.${name}`);
  };
  return {
    check(request) {
      const { messages, template: variables } = request;
      if (request.tools.length > 0) {
        tools ??= { refused: refusedTools(template) };
        if (tools.refused !== undefined) throw tools.refused;
      }
      const options: ChatOptions = {
        template: variables,
        ...(request.tools.length > 0 ? { tools: request.tools } : {}),
      };
      const ignored = [
        ...request.ignored,
        ...unread(request, options),
        ...checkNames(template, messages, options),
      ];
      warnOf(ignored, warned);
      return { ...request, ignored };
    },
  };
}

// --- internal ---

/**
 * Tools are served where the template writes calls as `parseToolCalls` reads them: tried with a call of our own, since templates of
 * many forms share their marks. Where it writes no calls, what it tells the model decides.
 * @returns why not, or undefined
 */
function refusedTools(template: Template): RequestError | undefined {
  const tried = tryTools(template, []) ?? tryTools(template, [{ role: "system", content: "Be brief." }]);
  // It refuses every conversation of ours: so it may the request's, by its own words.
  if (tried === undefined) return undefined;
  if (!tried.told.includes(kName)) return refusal("does not tell the model of tools");
  const writesCalls = tried.called.includes(kValue);
  const isRead = parseToolCalls(tried.called).toolCalls.some(({ function: called }) => {
    return called.name === kName && isDeepStrictEqual(JSON.parse(called.arguments), kArguments);
  });
  if (isRead || (!writesCalls && kTellsHermes.test(tried.told))) return undefined;
  const shown = writesCalls ? tried.called : tried.told;
  const form = kForms.find(([mark]) => mark.test(shown))?.[1] ?? "a form of its own";
  return refusal(`writes tool calls in ${form}, which is not parsed`);
}

/**
 * Of people and instructions: a name that the template drops is refused. Of tools and assistants: it says nothing that the call or
 * the answer does not.
 * @returns names of fields that the template drops without harm
 * @throws RequestError naming the message
 */
function checkNames(
  template: Template,
  messages: readonly ChatMessage[],
  options: ChatOptions,
): readonly string[] {
  const roles = new Set(messages.filter(({ name }) => name !== undefined).map(({ role }) => role));
  if (roles.size === 0) return [];
  const render = (all: readonly ChatMessage[]) => template.renderChat(all, options).text;
  const written = render(messages);
  const isDropped = (role: string) =>
    written === render(messages.map((m) => (m.role === role ? nameless(m) : m)));
  const dropped = [...roles].filter(isDropped);
  messages.forEach(({ role, name }, i) => {
    if (name === undefined || role === "tool" || role === "assistant" || !dropped.includes(role)) return;
    throw notServed(
      `messages.${i}.name`,
      name,
      "this policy's chat template writes no names; say in the content who speaks",
    );
  });
  return dropped.includes("assistant") ? ["messages[].name"] : [];
}

const kName = "look_up_weather";
const kValue = "Oslo-7f3a";
const kArguments = { city: kValue };

const kTools: readonly ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: kName,
      description: "The weather of a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string", description: "Its name." } },
        required: ["city"],
      },
    },
  },
];
const kAsked: ChatMessage = { role: "user", content: "What is the weather?" };
// Mistral's templates refuse ids of another length.
const kCall = {
  id: "call00001",
  type: "function",
  function: { name: kName, arguments: JSON.stringify(kArguments) },
} as const;
const kCalled: ChatMessage = { role: "assistant", content: "", tool_calls: [kCall] };
const kResult: ChatMessage = { role: "tool", tool_call_id: kCall.id, name: kName, content: "Rain." };

/** What the template tells of a tool, and how it writes a call of it; undefined where it refuses the conversation. */
function tryTools(
  template: Template,
  lead: readonly ChatMessage[],
): { readonly told: string; readonly called: string } | undefined {
  const told = tryRender(template, [...lead, kAsked], true);
  // A template that drops a tool's answer may write its call.
  const whole =
    tryRender(template, [...lead, kAsked, kCalled, kResult], false) ??
    tryRender(template, [...lead, kAsked, kCalled], false);
  if (told === undefined || whole === undefined) return undefined;
  return { told, called: whole.slice(whole.lastIndexOf(String(kAsked.content))) };
}

/** The conversation with our tools; undefined where the template refuses it. */
function tryRender(
  template: Template,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string | undefined {
  try {
    return template.renderChat(messages, { tools: kTools, addGenerationPrompt }).text;
  } catch (error) {
    if (error instanceof LightningError && (error.code === "E_ARGUMENT" || error.code === "E_MODEL"))
      return undefined;
    throw error;
  }
}

function warnOf(ignored: readonly string[], warned: Set<string>): void {
  const fresh = ignored.filter((name) => !warned.has(name));
  if (fresh.length === 0) return;
  for (const name of fresh) warned.add(name);
  warn(
    "AGL_IGNORED_FIELD",
    `model calls carry ${fresh.join(", ")}, unknown to this endpoint: it is named in the call's span (agentlightning.ignored) and changes ` +
      "no answer, but that fields of messages reach the chat template",
  );
}

function nameless({ name: _, ...message }: ChatMessage): ChatMessage {
  return message;
}

/** How Hermes' and Qwen's prompts show what a call looks like. */
const kTellsHermes = /<tool_call>\s*\{\s*"(?:name|arguments)"/;

const kForms: readonly (readonly [mark: RegExp, form: string])[] = [
  [/\[TOOL_CALLS\]|\[AVAILABLE_TOOLS\]/, "Mistral's form"],
  [/<function=/, "the XML form of Qwen3-Coder and Llama"],
  [/<arg_key>/, "GLM's form"],
  [/<｜tool▁calls?▁begin｜>/, "DeepSeek's form"],
  [new RegExp(`<\\|python_tag\\|>|"name":\\s*"${kName}",\\s*"parameters"`), "Llama 3's form"],
];

function refusal(what: string): RequestError {
  const remedy =
    'served is Hermes\' and Qwen\'s <tool_call>{"name": ..., "arguments": {...}}</tool_call>: load a model of that form, put a ' +
    "chat_template.jinja that writes it into the folder, or describe the tools in a message and read the calls in the agent";
  return badRequest(
    `tools: this policy's chat template ${what}; ${remedy}`,
    "tools",
    "unsupported_parameter",
  );
}
