// Model calls of one rollout, answered by a policy in this process in whatever dialect they come: id splicing, sampling rules, streaming, and a
// record of every call. Everything else that a client might ask of the host is refused by name.

import type { TemplateVariables } from "../../policy/chat/template-options.js";
import { callForms } from "../../policy/tool-calls/call-forms.js";
import { withShortIds } from "../../policy/tool-calls/short-ids.js";
import { jsonResponse } from "../../tracing/whole-response.js";
import type { ModelHandler } from "../../types/model-call.js";
import { answerCall, type CallContext, countTokens } from "./answer-call.js";
import { createCallSeeds } from "./call-seeds.js";
import { dialectOf, unknownRoute } from "./dialects.js";
import { createIdMemory, type Thoughts } from "./id-splicing.js";
import { createItemMemory } from "./item-memory.js";
import { createPromptChecks } from "./prompt-checks.js";
import { toRequestError } from "./request-error.js";
import { createTemplateNotes, type TemplateNotes } from "./template-notes.js";
import { createTextMemory } from "./text-memory.js";
import { withResultNames } from "./tool-results.js";

export interface ModelHandlerOptions
  extends Omit<CallContext, "memory" | "texts" | "items" | "seeds" | "checks"> {
  /** The rollout's seed (Law 6). */
  readonly seed: bigint;
  /** Variables of the chat template, over the policy's and below the request's. */
  readonly template?: TemplateVariables | undefined;
  /** The date that the template prints. Default: the policy's. */
  readonly date?: string | undefined;
  /** What becomes of thoughts that a client does not send back. Default "sent". */
  readonly thoughts?: Thoughts;
  /** What is known of the policy's template with these variables; grows. Default: this rollout's own. */
  readonly notes?: TemplateNotes;
}

/** @returns a handler for the calls of one rollout */
export function createModelHandler(options: ModelHandlerOptions): ModelHandler {
  const template = withTemplate(options);
  const notes = options.notes ?? createTemplateNotes();
  const items = createItemMemory();
  const context: CallContext = {
    ...options,
    items,
    memory: createIdMemory(template, options.thoughts, notes),
    texts: createTextMemory(options.policy),
    seeds: createCallSeeds(options.seed),
    checks: createPromptChecks(template, notes),
  };
  return async (request) => {
    const { method, url, signal } = request;
    const path = new URL(url).pathname;
    const dialect = dialectOf(method, path);
    if (dialect === undefined) return unknownRoute(method, path);
    try {
      const response = dialect.respond?.(request, {
        memory: items,
        countTokens: (call) => countTokens(context, dialect, call, signal),
      });
      if (response !== undefined) return jsonResponse(await response);
      // Before anything is awaited: calls keep the order they came in.
      return await answerCall(context, dialect, dialect.parse(request, items), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return dialect.failure(toRequestError(error));
    }
  };
}

// --- internal ---

/** The policy as one rollout sees it: every rendering has the rollout's variables and date. */
function withTemplate({ policy, template, date }: ModelHandlerOptions): Parameters<typeof createIdMemory>[0] {
  const dated = date === undefined ? {} : { date };
  const hasShortIds = policy.toolCalls !== null && callForms[policy.toolCalls].hasShortIds;
  return {
    config: policy.config,
    tokenizer: policy.tokenizer,
    toolCalls: policy.toolCalls,
    thoughtsIn: policy.thoughtsIn,
    renderChat: (messages, options) => {
      const named = withResultNames(messages);
      const all = { ...dated, ...options, template: { ...template, ...options?.template } };
      return policy.renderChat(hasShortIds ? withShortIds(named) : named, all);
    },
  };
}
