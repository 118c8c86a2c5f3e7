// One question to a server of chat completions: sent again for what may go better the next time, told of in words without the key.
import { argumentError } from "../base/check.js";
import { pause, wallClock } from "../base/clock.js";
import { textWithoutCredentials } from "../base/credentials.js";
import { LightningError } from "../base/error.js";
import { toJsonValue } from "../base/json-value.js";
import { oneLine } from "../base/one-line.js";
import type { LanguageAnswer } from "../types/language-model.js";

export interface ChatServer {
  readonly baseURL: string;
  readonly apiKeyEnv: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Told of each request that failed and is sent again. */
  onRetry(): void;
}

/** Counts without a cost. Rejects with E_PROVIDER, with E_ARGUMENT when the key's variable is empty, and with the signal's reason. */
export async function askServer(
  server: ChatServer,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Omit<LanguageAnswer, "cost">> {
  const headers = headersOf(server);
  for (let tried = 1; ; tried++) {
    const reply = await sendOnce(server, { headers, body: JSON.stringify(body) }, signal);
    if ("answer" in reply) return reply.answer;
    if (!reply.isPassing || tried > server.retries) throw failure(server, body, reply, tried);
    server.onRetry();
    await pause(Math.min(reply.waitMs ?? 500 * 2 ** (tried - 1), kLongestWaitMs), undefined, {
      signal,
    }).catch(() => signal.throwIfAborted());
  }
}

// --- internal ---

const kLongestWaitMs = 30_000;

type Reply = { readonly answer: Omit<LanguageAnswer, "cost"> } | Problem;

interface Problem {
  readonly problem: string;
  /** It may go better the next time. */
  readonly isPassing: boolean;
  readonly waitMs?: number | undefined;
  /** By which an agent's error is known to be a provider's. */
  readonly cause: unknown;
}

function headersOf({ apiKeyEnv }: ChatServer): Record<string, string> {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (apiKeyEnv === undefined) return headers;
  const key = process.env[apiKeyEnv];
  if (!key) throw argumentError("llm.ask", `the key in the environment variable ${apiKeyEnv}`, key, "set it");
  return { ...headers, authorization: `Bearer ${key}` };
}

async function sendOnce(
  { baseURL, timeoutMs }: ChatServer,
  request: Pick<RequestInit, "headers" | "body">,
  signal: AbortSignal,
): Promise<Reply> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(`${baseURL.replace(/\/+$/, "")}/chat/completions`, {
      ...request,
      method: "POST",
      // The key goes nowhere else.
      redirect: "manual",
      signal: AbortSignal.any([signal, deadline]),
    });
    const text = await response.text();
    if (!response.ok) return refused(response, text);
    const answer = toAnswer(toJsonValue(text));
    const problem = `no chat completion: ${shown(text)}`;
    return answer === null ? { problem, isPassing: true, cause: { status: 502 } } : { answer };
  } catch (cause) {
    signal.throwIfAborted();
    const problem = deadline.aborted ? `no answer within ${timeoutMs} ms` : describe(cause);
    return { problem, isPassing: true, cause };
  }
}

function refused({ status, headers }: Response, text: string): Reply {
  const isPassing = status === 408 || status === 409 || status === 429 || status >= 500;
  const problem = `status ${status}: ${shown(text)}`;
  return { problem, isPassing, waitMs: waitOf(headers), cause: { status: status < 400 ? 502 : status } };
}

/** What the server asks for: milliseconds, seconds, or a date. */
function waitOf(headers: Headers): number | undefined {
  const inMs = headers.get("retry-after-ms");
  const after = headers.get("retry-after");
  if (inMs !== null && Number.isFinite(Number(inMs))) return Math.max(0, Number(inMs));
  if (after === null) return undefined;
  if (Number.isFinite(Number(after))) return Math.max(0, Number(after) * 1000);
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallClock.now());
}

function toAnswer(body: unknown): Omit<LanguageAnswer, "cost"> | null {
  const choice: unknown = Object(body).choices?.[0];
  const { content } = Object(Object(choice).message);
  if (typeof content !== "string") return null;
  const usage = Object(Object(body).usage);
  const finish: unknown = Object(choice).finish_reason;
  return {
    text: content,
    finishReason: typeof finish === "string" ? finish : null,
    promptTokens: countOf(usage.prompt_tokens),
    responseTokens: countOf(usage.completion_tokens),
  };
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Some servers repeat the key that they refuse. */
function shown(text: string): string {
  return oneLine(textWithoutCredentials(text), 300);
}

function describe(error: unknown): string {
  const { message, cause } = Object(error);
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return shown(`${message ?? error}${why}`);
}

function failure(
  { baseURL }: ChatServer,
  { model }: Readonly<Record<string, unknown>>,
  { problem, cause }: Problem,
  tried: number,
): LightningError {
  const times = tried === 1 ? "" : ` after ${tried} tries`;
  const message = `llm.ask: expected an answer of ${model} at ${baseURL}, got ${problem}${times}`;
  return new LightningError("E_PROVIDER", message, { cause });
}
