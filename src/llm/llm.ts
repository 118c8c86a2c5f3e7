// A small client of chat models for judges and reflectors: retries, deadlines, counts of tokens and cost, as many questions at a time as allowed.
// It streams nothing and calls no tools. Inside a rollout its requests are the agent's, unless they are made in agl.unrouted(fn).
import { argumentError, checkInteger, checkNumber } from "../base/check.js";
import type {
  LanguageAnswer,
  LanguageModel,
  LanguageQuestion,
  LanguageUsage,
} from "../types/language-model.js";
import { askServer, type ChatServer } from "./chat-server.js";
import { checkLlmOptions, type LlmOptions, type LlmSampling } from "./llm-options.js";
import { askPolicy } from "./policy-model.js";
import { createSlots } from "./slots.js";

/** @throws E_ARGUMENT */
export function llm(options: LlmOptions): LanguageModel {
  checkLlmOptions(kWho, options);
  const slots = createSlots(checkInteger(kWho, "maxConcurrency", options.maxConcurrency ?? 8, { min: 1 }));
  const usage = { answers: 0, failures: 0, retries: 0, promptTokens: 0, responseTokens: 0, cost: 0 };
  const askOnce = toAsk(options, usage);
  return {
    identity: identityOf(options),
    get usage(): LanguageUsage {
      return { ...usage };
    },
    async ask(question) {
      if (!Array.isArray(question?.messages) || question.messages.length === 0)
        throw argumentError("llm.ask", "messages, at least one", question?.messages);
      const signal = question.signal ?? new AbortController().signal;
      try {
        const answer = priced(await slots.use(signal, () => askOnce({ ...question, signal })), options.price);
        usage.answers += 1;
        usage.promptTokens += answer.promptTokens ?? 0;
        usage.responseTokens += answer.responseTokens ?? 0;
        usage.cost += answer.cost ?? 0;
        return answer;
      } catch (error) {
        usage.failures += 1;
        throw error;
      }
    },
  };
}

// --- internal ---

const kWho = "llm";
const kMillion = 1e6;

type Counted = Omit<LanguageAnswer, "cost">;
type Ask = (question: LanguageQuestion & { readonly signal: AbortSignal }) => Promise<Counted>;

function toAsk(options: LlmOptions, usage: { retries: number }): Ask {
  const { policy, adapter = "base", sampling = {}, model, baseURL = "", apiKeyEnv } = options;
  if (policy !== undefined) return (question) => askPolicy(policy, adapter, sampling, question);
  const server: ChatServer = {
    ...{ baseURL, apiKeyEnv },
    timeoutMs: checkNumber(kWho, "timeoutMs", options.timeoutMs ?? 120_000, { min: 1, max: 2 ** 31 - 1 }),
    retries: checkInteger(kWho, "retries", options.retries ?? 4, { min: 0 }),
    onRetry() {
      usage.retries += 1;
    },
  };
  const fields = { model, ...toFields(sampling), ...options.body };
  return ({ messages, signal }) => askServer(server, { ...fields, messages }, signal);
}

function toFields({ temperature, topP, maxTokens, seed }: LlmSampling): Readonly<Record<string, unknown>> {
  // What is undefined does not come into JSON.
  return { temperature, top_p: topP, max_tokens: maxTokens, seed };
}

function identityOf({ policy, adapter = "base", baseURL, model, sampling = {}, body = {} }: LlmOptions) {
  return policy === undefined ? { baseURL, model, sampling, body } : { policy: adapter, sampling };
}

function priced(answer: Counted, price: LlmOptions["price"]): LanguageAnswer {
  const { promptTokens, responseTokens } = answer;
  if (price === undefined || promptTokens === null || responseTokens === null)
    return { ...answer, cost: null };
  return { ...answer, cost: (promptTokens * price.input + responseTokens * price.output) / kMillion };
}
