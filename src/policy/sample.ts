// policy.sample: checks a request, hands it to the engine, streams, and ends choices at stop strings. The sampling itself is native.
import {
  argumentError,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNumber,
  checkSignal,
  checkText,
} from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { PolicyWeights } from "./adapters/adapter-table.js";
import type { NativeChoice, NativeSampleRequest } from "./engine/binding.js";
import { fromNative } from "./engine/native-error.js";
import { checkSeed } from "./engine/seeds.js";
import type { SampledChoice, SampleOptions, StreamedToken } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { createStopMatcher, type StopMatcher } from "./stop-strings.js";
import { checkTemperature } from "./temperature.js";
import { toTokenIds } from "./token-ids.js";

/** @throws as Policy.sample */
export async function sample(parts: PolicyParts, options: SampleOptions): Promise<SampledChoice[]> {
  parts.states.checkOpen(kWho);
  checkOptions(kWho, options, kNames, kElsewhere);
  const request = checkRequest(parts, options);
  const work = async (stop: AbortSignal): Promise<SampledChoice[]> => {
    const weights = parts.adapters.resolve(kWho, options.adapter);
    const toSampled = (choice: NativeChoice): SampledChoice => describe(choice, weights, parts.arithmetic);
    const id = parts.nextId();
    const stream = createStream(parts, id, request, options);
    stop.addEventListener("abort", () => {
      parts.engine.cancel(id, -1, 0);
      options.onAborted?.(stream.aborted().map(toSampled));
    });
    const given = { ...request.native, adapter: weights.handle };
    const onToken: NativeSampleRequest["onToken"] = (...token) => {
      if (!stop.aborted) stream.push(...token);
    };
    const choices = await fromNative(kWho, () =>
      parts.engine.sample(id, stream.isNeeded ? { ...given, onToken } : given),
    );
    return stream.finish(choices).map(toSampled);
  };
  return parts.states.share(kWho, work, options.signal);
}

// --- internal ---

const kWho = "policy.sample";
// Beside each name, what OpenAI, transformers, vLLM and TRL call it.
const kNames: OptionNames<SampleOptions> = {
  prompt: ["input", "text", "input_ids", "inputs", "prompt_token_ids", "tokens"],
  n: ["num_return_sequences", "num_generations", "samples", "count"],
  maxTokens: ["max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens", "max_length"],
  temperature: ["temp"],
  topP: ["nucleus"],
  topK: [],
  minP: [],
  topLogprobs: ["logprobs"],
  seed: ["random_seed"],
  stop: ["stop_strings", "stop_sequences", "stop_token_ids", "eos_token_id", "until"],
  ignoreEos: [],
  adapter: ["model", "lora", "lora_request", "adapter_name"],
  signal: ["abort_signal"],
  onToken: ["stream", "streamer", "callback"],
  onAborted: ["onAbort"],
  isLast: [],
  constraint: ["grammar", "guided_decoding", "structured_outputs", "response_format", "guided_grammar"],
  constraintAfter: [],
};
const kElsewhere = {
  messages: "a conversation becomes a prompt by policy.renderChat(messages).ids",
  tools: "tools are given to policy.renderChat(messages, { tools })",
  do_sample: "temperature: 0 is greedy",
  greedy: "temperature: 0 is greedy",
  num_beams: "beams are not supported, leave it out",
  repetition_penalty: "penalties are not supported, leave it out",
  presence_penalty: "penalties are not supported, leave it out",
  frequency_penalty: "penalties are not supported, leave it out",
  timeout: "give signal: AbortSignal.timeout(milliseconds)",
  timeoutMs: "give signal: AbortSignal.timeout(milliseconds)",
};

interface Request {
  readonly native: Omit<NativeSampleRequest, "adapter" | "onToken">;
  readonly stopStrings: readonly string[];
}

function checkRequest(parts: PolicyParts, options: SampleOptions): Request {
  const { contextLength, config } = parts;
  checkSignal(kWho, options.signal);
  checkFunction(kWho, "onToken", options.onToken);
  checkFunction(kWho, "onAborted", options.onAborted);
  checkFunction(kWho, "isLast", options.isLast);
  checkBoolean(kWho, "ignoreEos", options.ignoreEos);
  const given: unknown = options.prompt;
  if (Array.isArray(given) && typeof given[0] === "object" && given[0] !== null)
    throw argumentError(kWho, "prompt to be text or token ids", given, kElsewhere.messages);
  const ids = typeof given === "string" ? parts.tokenizer.encode(given) : given;
  const prompt = toTokenIds(kWho, "prompt", ids, config.vocabulary);
  if (prompt.length === 0) throw argumentError(kWho, "prompt to have at least 1 token", 0);
  if (prompt.length >= contextLength)
    throw argumentError(
      kWho,
      `at most ${contextLength - 1} prompt tokens`,
      prompt.length,
      "shorten it or load with a larger contextLength",
    );
  const room = contextLength - prompt.length;
  const stops = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  if (!Array.isArray(stops))
    throw argumentError(kWho, "stop to be a string or an array of strings and ids", stops);
  const stopStrings = stops.filter((stop) => typeof stop === "string");
  const stopIds = stops.filter((stop) => typeof stop !== "string");
  createStopMatcher(parts.tokenizer, stopStrings); // refuses strings that no text contains before anything waits
  return {
    stopStrings,
    native: {
      stopTokens: Int32Array.from([
        ...(options.ignoreEos ? [] : config.eosTokenIds),
        ...toTokenIds(kWho, "stop", stopIds, config.vocabulary),
      ]),
      prompt,
      n: checkInteger(kWho, "n", options.n ?? 1, { min: 1, max: 4096 }),
      maxTokens: Math.min(room, checkInteger(kWho, "maxTokens", options.maxTokens ?? room, { min: 1 })),
      temperature: checkTemperature(kWho, options.temperature),
      topP: checkNumber(kWho, "topP", options.topP ?? 1, { min: 0, max: 1 }),
      topK: checkInteger(kWho, "topK", options.topK ?? 0, { min: 0 }),
      minP: checkNumber(kWho, "minP", options.minP ?? 0, { min: 0, max: 1 }),
      topLogprobs: checkInteger(kWho, "topLogprobs", options.topLogprobs ?? 0, {
        min: 0,
        max: Math.min(20, config.vocabulary),
      }),
      ...constraintOf(parts, options),
      seed: options.seed === undefined ? parts.nextSeed() : checkSeed(kWho, options.seed),
    },
  };
}

function constraintOf(
  { constraints, config }: PolicyParts,
  { constraint, constraintAfter, ignoreEos }: SampleOptions,
): Pick<NativeSampleRequest, "constraint"> {
  if (constraintAfter !== undefined) checkText(kWho, "constraintAfter", constraintAfter);
  if (constraint === undefined) {
    if (constraintAfter === undefined) return {};
    throw argumentError(kWho, "constraintAfter beside a constraint", constraintAfter, "give constraint, too");
  }
  const handle = constraints.handleOf(kWho, constraint);
  if (ignoreEos || config.eosTokenIds.length === 0) {
    const remedy = ignoreEos ? "leave ignoreEos out" : "name it as eos_token in tokenizer_config.json";
    throw argumentError(kWho, "a token that ends answers, beside a constraint", null, remedy);
  }
  return { constraint: { handle, after: constraintAfter ?? "" } };
}

function describe(
  { versions, mass, forced, ...choice }: NativeChoice,
  { name, version }: PolicyWeights,
  arithmetic: string,
): SampledChoice {
  const first = versions[0] ?? version;
  const isCarried = versions.some((each) => each !== first);
  return {
    ...choice,
    adapter: name,
    version: first,
    ...(isCarried ? { versions } : {}),
    arithmetic,
    ...(mass === undefined
      ? {}
      : {
          forced: Array.from(forced ?? []),
          mass: Array.from(mass, (share) => (Number.isNaN(share) ? null : share)),
        }),
  };
}

interface Stream {
  /** Whether anybody needs the tokens one by one. */
  readonly isNeeded: boolean;
  push(...token: Parameters<NonNullable<NativeSampleRequest["onToken"]>>): void;
  /** The choices as far as they were streamed. */
  aborted(): NativeChoice[];
  /** Ends choices at the token that completed a stop string. Throws what the caller's onToken threw. */
  finish(choices: readonly NativeChoice[]): NativeChoice[];
}

interface StreamedChoice {
  readonly tokens: number[];
  readonly logprobs: number[];
  readonly versions: number[];
  readonly mass: number[];
  readonly forced: number[];
  readonly matcher: StopMatcher;
  isStopped: boolean;
}

function createStream(parts: PolicyParts, id: number, request: Request, options: SampleOptions): Stream {
  const { n, maxTokens, stopTokens } = request.native;
  let thrown: { readonly error: unknown } | undefined;
  const streamed = Array.from(
    { length: n },
    (): StreamedChoice => ({
      tokens: [],
      logprobs: [],
      versions: [],
      mass: [],
      forced: [],
      matcher: createStopMatcher(parts.tokenizer, request.stopStrings),
      isStopped: false,
    }),
  );
  const finishReasonOf = ({ tokens, isStopped }: StreamedChoice): NativeChoice["finishReason"] => {
    if (isStopped || stopTokens.includes(tokens.at(-1) ?? -1)) return "stop";
    return tokens.length === maxTokens ? "length" : "aborted";
  };
  const toChoice = (choice: StreamedChoice): NativeChoice => ({
    tokens: Int32Array.from(choice.tokens),
    logprobs: Float32Array.from(choice.logprobs),
    versions: Int32Array.from(choice.versions),
    ...(request.native.constraint === undefined
      ? {}
      : { mass: Float32Array.from(choice.mass), forced: Int32Array.from(choice.forced) }),
    finishReason: finishReasonOf(choice),
    topTokens: new Int32Array(),
    topLogprobs: new Float32Array(),
  });
  return {
    isNeeded:
      [options.onToken, options.onAborted, options.isLast].some((given) => given !== undefined) ||
      request.stopStrings.length > 0,
    push(index, token, logprob, version, mass, isForced) {
      const choice = streamed[index];
      if (thrown !== undefined || choice === undefined || choice.isStopped) return;
      if (isForced) choice.forced.push(choice.tokens.length);
      choice.mass.push(mass);
      choice.tokens.push(token);
      choice.logprobs.push(logprob);
      choice.versions.push(version);
      choice.isStopped = choice.matcher.push(token);
      try {
        const streamed: StreamedToken = { choice: index, token, logprob };
        options.onToken?.(streamed);
        if (options.isLast?.(streamed)) choice.isStopped = true;
      } catch (error) {
        thrown = { error };
        parts.engine.cancel(id, -1, 0);
        return;
      }
      if (choice.isStopped) parts.engine.cancel(id, index, choice.tokens.length);
    },
    aborted: () => streamed.map(toChoice),
    finish(choices) {
      if (thrown !== undefined) throw thrown.error;
      return choices.map((choice, index) => {
        const own = streamed[index];
        if (!own?.isStopped) return choice;
        const top = own.tokens.length * request.native.topLogprobs;
        const [topTokens, topLogprobs] = [choice.topTokens.slice(0, top), choice.topLogprobs.slice(0, top)];
        return { ...toChoice(own), topTokens, topLogprobs };
      });
    },
  };
}
