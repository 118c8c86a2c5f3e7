// Sends one model call to its server, again while it looks worth it, and says how it went.
import { clearTimeout, setTimeout } from "../../base/clock.js";
import { textWithoutCredentials } from "../../base/credentials.js";
import { readSpelled, writeSpelled } from "../../base/spelled-integers.js";

export interface ForwardOptions {
  readonly url: string;
  readonly body: unknown;
  /** Of one try. */
  readonly timeoutMs: number;
  readonly maxTries: number;
  /** Before the first retry; doubles up to 8 seconds, and varies by a quarter. */
  readonly retryDelayMs: number;
  readonly maxAnswerBytes: number;
  /** The client is gone. */
  readonly signal: AbortSignal;
}

export interface ForwardReport {
  /** The last answer's; 502 or 504 when no server answered. */
  readonly status: number;
  /** Parsed where it is JSON; {detail} when no server answered. */
  readonly answer: unknown;
  /** Its content type. */
  readonly type: string;
  /** What the server said; null: nothing. */
  readonly upstreamStatus: number | null;
  readonly retries: number;
}

export async function forwardCall(options: ForwardOptions): Promise<ForwardReport> {
  const { maxTries, retryDelayMs, signal } = options;
  for (let retries = 0; ; retries++) {
    const attempt = await tryOnce(options);
    const mayRetry = attempt.isRetriable && retries + 1 < maxTries && !signal.aborted;
    if (!mayRetry) return { ...attempt.report, retries };
    await wait(Math.min(retryDelayMs * 2 ** retries, 8000) * (0.75 + Math.random() / 2), signal);
  }
}

// --- internal ---

const kJson = "application/json";
const kText = "text/plain;charset=UTF-8";

interface Try {
  readonly report: Omit<ForwardReport, "retries">;
  readonly isRetriable: boolean;
}

async function tryOnce({ url, body, timeoutMs, maxAnswerBytes, signal }: ForwardOptions): Promise<Try> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: writeSpelled(body),
      redirect: "error",
      signal: AbortSignal.any([timeout, signal]),
    });
    const answer = await readAnswer(response, maxAnswerBytes);
    const { status } = response;
    const isRetriable = status >= 500 || status === 408 || status === 409 || status === 429;
    const type = typeof answer === "string" ? (response.headers.get("content-type") ?? kText) : kJson;
    return { report: { status, answer, type, upstreamStatus: status }, isRetriable };
  } catch (error) {
    const status = timeout.aborted ? 504 : 502;
    const reason = timeout.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
    const detail = `The model server cannot be reached: ${reason}`;
    return { report: { status, answer: { detail }, type: kJson, upstreamStatus: null }, isRetriable: true };
  }
}

async function readAnswer(response: Response, maxBytes: number): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return readSpelled(text, true);
  } catch {
    return text; // Not JSON: passed on as it is.
  }
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return textWithoutCredentials(cause instanceof Error ? cause.message : String(cause));
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
