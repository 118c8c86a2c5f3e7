// What a language model is made of, checked before anything is asked.
import { argumentError, checkInteger, checkNumber, checkText } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { AskablePolicy } from "../types/language-model.js";

/** A server of chat completions, or a policy. */
export interface LlmOptions {
  /** As OpenAI's clients take it: `https://api.openai.com/v1`. */
  readonly baseURL?: string;
  readonly model?: string;
  /** The name of the environment variable that holds the key, never the key; read when the model is asked. Absent: no key is sent. */
  readonly apiKeyEnv?: string;
  /** In place of baseURL and model: a policy of this process. */
  readonly policy?: AskablePolicy;
  /** With a policy: which adapter answers. Default "base", which training does not change. */
  readonly adapter?: string;
  /** What is absent is not sent, and is the server's own; a policy's is temperature 1, the seed 0. */
  readonly sampling?: LlmSampling;
  /** More fields of the request's body, as the server calls them: `{ reasoning_effort: "low" }`. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Per million tokens, in any currency. */
  readonly price?: LlmPrice;
  /** Questions at a time; the others wait. Default 8. */
  readonly maxConcurrency?: number;
  /** Deadline of one request; a question may take one for each try. Default 120,000. */
  readonly timeoutMs?: number;
  /** Tries after the first, for what may go better the next time (408, 409, 429, 5xx, a lost connection, a deadline). Default 4. */
  readonly retries?: number;
}

export interface LlmSampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
}

export interface LlmPrice {
  readonly input: number;
  readonly output: number;
}

/** @throws E_ARGUMENT naming the option */
export function checkLlmOptions(who: string, options: LlmOptions): void {
  checkOptions(who, options, kNames, { apiKey: kKey, api_key: kKey, key: kKey });
  const { baseURL, model, policy, sampling = {}, price, body } = options;
  checkOptions(`${who}: sampling`, sampling, kSampling);
  if (policy === undefined) {
    checkBaseUrl(who, baseURL);
    checkText(who, "model to be a name", model, 'as in "gpt-5-mini", or give a policy');
    if (options.adapter !== undefined)
      throw argumentError(who, "no adapter without a policy", options.adapter);
  } else {
    const other = baseURL ?? model ?? options.apiKeyEnv ?? body;
    if (other !== undefined) throw argumentError(who, "a policy alone, without a server's options", other);
    if (typeof Object(policy).renderChat !== "function")
      throw argumentError(who, "policy to be what loadPolicy resolves to", policy);
  }
  if (options.apiKeyEnv !== undefined && !/^\w+$/.test(options.apiKeyEnv))
    throw argumentError(who, "apiKeyEnv to be the name of an environment variable", "something else", kKey);
  checkSampling(who, sampling);
  if (body !== undefined && (typeof body !== "object" || body === null))
    throw argumentError(who, "body to be a record of fields", body);
  if (price !== undefined) {
    checkOptions(`${who}: price`, price, kPrice);
    for (const name of ["input", "output"] as const)
      checkNumber(who, `price.${name}`, price[name], { min: 0 });
  }
}

// --- internal ---

const kKey = 'put the key into a variable and name that, as in apiKeyEnv: "OPENAI_API_KEY"';

const kNames: OptionNames<LlmOptions> = {
  baseURL: ["base_url", "url", "endpoint", "host", "api_base"],
  model: ["name", "model_name", "engine"],
  apiKeyEnv: ["api_key_env", "keyEnv", "env"],
  policy: ["local"],
  adapter: ["lora", "adapter_name"],
  sampling: ["sampling_params", "generation", "params"],
  body: ["extra_body", "extra"],
  price: ["cost", "prices"],
  maxConcurrency: ["concurrency", "max_concurrency", "parallel"],
  timeoutMs: ["timeout", "deadline"],
  retries: ["maxRetries", "max_retries"],
};
const kSampling: OptionNames<LlmSampling> = {
  temperature: ["temp"],
  topP: ["top_p"],
  maxTokens: ["max_tokens", "max_completion_tokens", "max_new_tokens"],
  seed: ["random_seed"],
};
const kPrice: OptionNames<LlmPrice> = { input: ["prompt", "in"], output: ["completion", "response", "out"] };

function checkBaseUrl(who: string, url: unknown): void {
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  const isHttp = parsed?.protocol === "http:" || parsed?.protocol === "https:";
  if (!isHttp)
    throw argumentError(
      who,
      "baseURL to be an address of http or https",
      url,
      'as in "https://api.openai.com/v1"',
    );
  // An address is written into journals and errors.
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "")
    throw argumentError(who, "baseURL without a password or a query", parsed.host, kKey);
}

function checkSampling(who: string, { temperature, topP, maxTokens, seed }: LlmSampling): void {
  if (temperature !== undefined) checkNumber(who, "sampling.temperature", temperature, { min: 0 });
  if (topP !== undefined) checkNumber(who, "sampling.topP", topP, { min: 0, max: 1 });
  if (maxTokens !== undefined) checkInteger(who, "sampling.maxTokens", maxTokens, { min: 1 });
  if (seed !== undefined) checkInteger(who, "sampling.seed", seed, { min: 0 });
}
