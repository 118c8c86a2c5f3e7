// A policy that says what it is told to: the real tokenizer and template of a fixture, tokens from a script.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Grammar } from "../../../src/grammar/grammar.js";
import { schemaToGrammar } from "../../../src/grammar/schema-to-grammar.js";
import { loadChatTemplate, renderChat } from "../../../src/policy/chat/chat-template.js";
import type { KeyedGrammar } from "../../../src/policy/constraints/constraint.js";
import { readModelConfig } from "../../../src/policy/model/model-config.js";
import type { Policy, SampledChoice, SampleOptions } from "../../../src/policy/policy.js";
import { loadTokenizer } from "../../../src/policy/tokenizer/tokenizer.js";
import type { ModelCall } from "../../../src/server/endpoint/answer-call.js";
import { createModelHandler, type ModelHandlerOptions } from "../../../src/server/endpoint/model-handler.js";
import { createTemplateNotes } from "../../../src/server/endpoint/template-notes.js";
import type { ModelRequest } from "../../../src/types/model-call.js";

const dir = join(import.meta.dirname, "../../fixtures/models/qwen2");
export const tokenizer = loadTokenizer(dir);
const fixtureTemplate = loadChatTemplate(dir);
const fixtureConfig = readModelConfig(dir);

export interface ScriptedOptions {
  /** Jinja, in place of the fixture's. */
  readonly template?: string;
  readonly eosTokenIds?: readonly number[];
  readonly warnedFields?: Set<string>;
  readonly thoughts?: "sent" | "keep";
  /** Awaited before each token. */
  readonly pace?: (token: number) => Promise<void>;
  /** In place of sampling. */
  readonly failure?: Error;
}

function templateOf(source: string): ReturnType<typeof loadChatTemplate> {
  const folder = mkdtempSync(join(tmpdir(), "agl-template-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "chat_template.jinja"), source);
  writeFileSync(join(folder, "tokenizer_config.json"), '{"bos_token": "<s>", "eos_token": "</s>"}');
  return loadChatTemplate(folder);
}

// biome-ignore lint/suspicious/noExplicitAny: a wire body of any shape, which the tests look into
type Wire = any;

export interface Scripted {
  readonly calls: ModelCall[];
  readonly asked: SampleOptions[];
  /** The grammars that samples were held to. */
  readonly grammars: Grammar[];
  /** Sends what it is told to; a body that is no text as JSON. */
  send(body: unknown, path?: string, more?: Partial<ModelRequest>): Promise<Response>;
  /** Posts a request body; the answer as JSON or, when it streams, as its events. */
  post(body: Record<string, unknown>, path?: string): Promise<{ status: number; json: Wire }>;
  stream(body: Record<string, unknown>): Promise<Wire[]>;
}

/** Each sample call says the next of `texts`; it ends with the end-of-turn token unless the text is given as { cut }, or the ids as they are. */
export function scripted(
  texts: readonly (string | { readonly cut: string } | { readonly ids: readonly number[] })[],
  contextLength = 512,
  more: ScriptedOptions = {},
): Scripted {
  const template = more.template === undefined ? fixtureTemplate : templateOf(more.template);
  const config = { ...fixtureConfig, ...(more.eosTokenIds ? { eosTokenIds: more.eosTokenIds } : {}) };
  const asked: SampleOptions[] = [];
  const grammars: Grammar[] = [];
  const calls: ModelCall[] = [];
  const policy: ModelHandlerOptions["policy"] = {
    config,
    contextLength,
    tokenizer,
    toolCalls: template.family,
    thoughtsIn: template.thoughtsIn,
    renderChat: (messages, options) => renderChat(template, tokenizer, messages, options),
    async constrain(given) {
      grammars.push(toGrammar(given));
      return { bytes: 0 };
    },
    async sample(options) {
      const script = texts[asked.length] ?? "";
      asked.push(options);
      if (more.failure) throw more.failure;
      const eos = config.eosTokenIds[0] ?? 0;
      const isCut = typeof script === "object" && "cut" in script;
      const ids =
        typeof script === "string"
          ? [...tokenizer.encode(script), eos]
          : isCut
            ? [...tokenizer.encode(script.cut)]
            : script.ids;
      const choices: SampledChoice[] = Array.from({ length: options.n ?? 1 }, () => ({
        tokens: Int32Array.from(ids),
        logprobs: Float32Array.from(ids, (_, i) => -i / 8),
        finishReason: isCut ? "length" : "stop",
        topTokens: Int32Array.from(ids.flatMap((id) => [id, id - 1].slice(0, options.topLogprobs ?? 0))),
        topLogprobs: Float32Array.from(
          ids.flatMap((_, i) => [-i / 8, -i].slice(0, options.topLogprobs ?? 0)),
        ),
        adapter: "default",
        version: 0,
        arithmetic: "f32-r1",
        // As if the first token were forced, and half of the model's probability allowed for the others.
        ...(options.constraint === undefined ? {} : { forced: [0], mass: ids.map(() => 0.5) }),
      }));
      let had = 0;
      for (const id of ids) {
        await (more.pace?.(had) ?? Promise.resolve());
        if (options.signal?.aborted) {
          options.onAborted?.(choices.map((choice) => cutShort(choice, had)));
          throw options.signal.reason;
        }
        for (let choice = 0; choice < choices.length; choice++)
          options.onToken?.({ choice, token: id, logprob: 0 });
        had++;
      }
      return choices;
    },
  };
  const handle = createModelHandler({
    policy,
    seed: 1n,
    sampling: ({ sampling: asked }) => ({
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      maxTokens: asked.maxTokens ?? 64,
    }),
    record: (call) => calls.push(call),
    ...(more.thoughts ? { thoughts: more.thoughts } : {}),
    notes: createTemplateNotes(more.warnedFields),
  });
  const send: Scripted["send"] = (body, path = "/v1/chat/completions", request = {}) =>
    handle({
      method: "POST",
      url: `https://api.openai.com${path}`,
      headers: {},
      body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
      signal: new AbortController().signal,
      ...request,
    });
  return {
    asked,
    grammars,
    calls,
    send,
    async post(body, path) {
      const response = await send(body, path);
      return { status: response.status, json: await response.json() };
    },
    async stream(body) {
      const text = await (await send({ ...body, stream: true })).text();
      const events = text
        .split("\n\n")
        .filter(Boolean)
        .map((event) => event.replace(/^data: /, ""));
      if (events.pop() !== "[DONE]") throw new Error("the stream did not end with [DONE]");
      return events.map((event) => JSON.parse(event));
    },
  };
}

function cutShort(choice: SampledChoice, length: number): SampledChoice {
  const [tokens, logprobs] = [choice.tokens.slice(0, length), choice.logprobs.slice(0, length)];
  return { ...choice, tokens, logprobs, finishReason: "aborted" };
}

/** Of what `policy.constrain` is given. */
export function toGrammar(given: Parameters<Policy["constrain"]>[0]): Grammar {
  if (typeof Object(given).grammar === "function") return (given as KeyedGrammar).grammar();
  return schemaToGrammar(given);
}
