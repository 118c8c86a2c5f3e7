// What of a request the chat template would drop without a word: tools, names, variables that it does not read.
import { warn } from "../../base/warning.js";
import type { Policy } from "../../policy/policy.js";
import type { CallRequest } from "../../types/call-request.js";
import type { ChatMessage } from "../../types/chat.js";
import { notServed } from "./field-table.js";
import type { TemplateNotes } from "./template-notes.js";
import { checkTools } from "./tools-check.js";

type Template = Pick<Policy, "renderChat" | "toolCalls">;
type ChatOptions = Pick<CallRequest, "template"> & { readonly tools?: CallRequest["tools"] };

export interface PromptChecks {
  /**
   * @returns the request, with what else it asked for in vain among `ignored`; each such field is warned of once. It asks for single calls
   * where the template refuses several in a message
   * @throws RequestError naming what would vanish
   */
  check(request: CallRequest): CallRequest;
}

/**
 * @param template  renders as the rollout's prompts are
 * @param notes  of that template; what is found out is noted
 */
export function createPromptChecks(template: Template, notes: TemplateNotes): PromptChecks {
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
        notes.tools ??= checkTools(template);
        if (notes.tools.refused !== undefined) throw notes.tools.refused;
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
      warnOf(ignored, notes.warned);
      const parallelToolCalls = request.parallelToolCalls && !notes.tools?.isSingle;
      return { ...request, parallelToolCalls, ignored };
    },
  };
}

// --- internal ---

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
  const roles = new Set(
    messages.filter(({ name, role }) => name !== undefined && role !== "tool").map(({ role }) => role),
  );
  if (roles.size === 0) return [];
  const render = (all: readonly ChatMessage[]) => template.renderChat(all, options).text;
  const written = render(messages);
  const isDropped = (role: string) =>
    written === render(messages.map((m) => (m.role === role ? nameless(m) : m)));
  const dropped = [...roles].filter(isDropped);
  messages.forEach(({ role, name }, i) => {
    if (name === undefined || role === "assistant" || !dropped.includes(role)) return;
    throw notServed(
      `messages.${i}.name`,
      name,
      "this policy's chat template writes no names; say in the content who speaks",
    );
  });
  return dropped.includes("assistant") ? ["messages[].name"] : [];
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
