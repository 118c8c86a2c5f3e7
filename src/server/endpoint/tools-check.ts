// Whether a policy's chat template tells the model of tools and writes calls as they are read: tried with a tool and a call of our own.
import { isDeepStrictEqual } from "node:util";
import { LightningError } from "../../base/error.js";
import type { Policy } from "../../policy/policy.js";
import { callForms, type ToolCallFamily } from "../../policy/tool-calls/call-forms.js";
import type { ChatMessage, ToolDefinition } from "../../types/chat.js";
import { badRequest, type RequestError } from "./request-error.js";

export interface ToolsCheck {
  /** Why tools are not served. */
  readonly refused: RequestError | undefined;
  /** The template refuses messages of several calls. */
  readonly isSingle: boolean;
}

/**
 * Tools are served where the template writes calls as they are read: tried with a call of our own, since templates of
 * many forms share their marks. Where it writes no calls, what it tells the model decides.
 */
export function checkTools(template: Template): ToolsCheck {
  const leads: readonly (readonly ChatMessage[])[] = [[], [{ role: "system", content: "Be brief." }]];
  const lead = leads.find((each) => tryTools(template, each) !== undefined);
  const tried = lead && tryTools(template, lead);
  // It refuses every conversation of ours: so it may the request's, by its own words.
  if (lead === undefined || tried === undefined) return { refused: undefined, isSingle: false };
  const isSingle = tryRender(template, [...lead, kAsked, kCalledTwice], false) === undefined;
  return { refused: refusedTools(tried, template.toolCalls), isSingle };
}

// --- internal ---

type Template = Pick<Policy, "renderChat" | "toolCalls">;

/** @returns why not, or undefined */
function refusedTools({ told, called }: TriedTools, family: ToolCallFamily | null): RequestError | undefined {
  if (!told.includes(kName)) return refusal("does not tell the model of tools");
  const writesCalls = called.includes(kValue);
  if (family !== null && (writesCalls ? isReadBack({ told, called }, family) : kTells[family]?.test(told)))
    return undefined;
  const shown = writesCalls ? called : told;
  const form = kForms.find(([mark]) => mark.test(shown))?.[1] ?? "a form of its own";
  const read = family === null ? "which is not parsed" : `which is not parsed as "${family}"`;
  return refusal(`writes tool calls in ${form}, ${read}`);
}

/** Whether our call is read wherever one may begin. */
function isReadBack({ told, called }: TriedTools, family: ToolCallFamily): boolean {
  const form = callForms[family];
  const answerBegins = told.slice(-8);
  for (let at = 0; at < called.length; at++) {
    const isMarked = form.marks.some((mark) => called.startsWith(mark, at));
    const isBare = form.isBare && called.slice(0, at).endsWith(answerBegins);
    if (!isMarked && !isBare) continue;
    const calls = form.readBlock(called, at, kTools)?.calls ?? [];
    const isOurs = calls.some(
      ({ function: { name, arguments: args } }) =>
        name === kName && isDeepStrictEqual(JSON.parse(args), kArguments),
    );
    if (isOurs) return true;
  }
  return false;
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
const kCalledTwice: ChatMessage = {
  ...kCalled,
  tool_calls: [kCall, { ...kCall, id: "call00002" }],
};
const kResult: ChatMessage = { role: "tool", tool_call_id: kCall.id, name: kName, content: "Rain." };

interface TriedTools {
  readonly told: string;
  readonly called: string;
}

/** What the template tells of a tool, and how it writes a call of it; undefined where it refuses the conversation. */
function tryTools(template: Template, lead: readonly ChatMessage[]): TriedTools | undefined {
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

/** How prompts show what a call looks like, for templates that write none. */
const kTells: { readonly [Family in ToolCallFamily]?: RegExp } = {
  hermes: /<tool_call>\s*\{\s*"(?:name|arguments)"/,
  "qwen-xml": /<function=[^>]*>\s*<parameter=/,
};

const kForms: readonly (readonly [mark: RegExp, form: string])[] = [
  [/\[TOOL_CALLS\]|\[AVAILABLE_TOOLS\]/, "Mistral's form"],
  [/<function=/, "the XML form of Qwen3-Coder and Llama"],
  [/<arg_key>/, "GLM's form"],
  [/<｜tool▁calls?▁begin｜>/, "DeepSeek's form"],
  [/<tool_call>/, "Hermes' form"],
  [new RegExp(`<\\|python_tag\\|>|"name":\\s*"${kName}",\\s*"parameters"`), "Llama 3's form"],
];

function refusal(what: string): RequestError {
  const remedy =
    "served are the forms of Hermes and Qwen, Qwen3-Coder, Llama 3, Mistral and DeepSeek: name it where the template does not tell it " +
    '(loadPolicy(folder, { toolCalls: "hermes" })), put a chat_template.jinja that writes it into the folder, or describe the tools in a ' +
    "message and read the calls in the agent";
  return badRequest(
    `tools: this policy's chat template ${what}; ${remedy}`,
    "tools",
    "unsupported_parameter",
  );
}
