// The shapes in which clients say that a provider failed, as they fail against a server that refuses, drops the connection or hangs
// (openai 6, @anthropic-ai/sdk, @google/genai, axios, ai 6, @aws-sdk/client-bedrock-runtime, @mistralai/mistralai, cohere-ai, groq-sdk,
// got, ky, ollama, @langchain/openai, undici), and those in which agents fail.
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { isProviderError } from "../../src/runner/provider-error.js";

const errorOf = (fields: object, message = "failed") => Object.assign(new Error(message), fields);
const named = (className: string, fields: object = {}) =>
  Object.assign(new ({ [className]: class extends Error {} }[className] as typeof Error)("failed"), fields);
const fetchFailed = (cause: unknown) => new TypeError("fetch failed", { cause });
const system = (code: string) => errorOf({ code, errno: -111, syscall: "connect" });
const apiCall = (fields: object) => errorOf({ name: "AI_APICallError", ...fields });
const retried = (...errors: unknown[]) =>
  errorOf({ name: "AI_RetryError", reason: "maxRetriesExceeded", errors, lastError: errors.at(-1) });

const outages: readonly (readonly [string, unknown])[] = [
  ["openai: a status", errorOf({ status: 503, type: "server_error", error: { message: "down" } })],
  ["openai: too many requests", errorOf({ status: 429 })],
  [
    "openai: a dropped connection",
    named("APIConnectionError", { cause: fetchFailed(system("UND_ERR_SOCKET")) }),
  ],
  ["openai: a timeout", named("APIConnectionTimeoutError")],
  ["openai: a signal of its caller", named("APIUserAbortError")],
  ["anthropic: overloaded", errorOf({ status: 529, error: { type: "overloaded_error" } })],
  ["anthropic: a timeout", errorOf({ name: "APIConnectionTimeoutError" })],
  ["google: a status", errorOf({ name: "ApiError", status: 503 })],
  ["google: a timeout", new DOMException("This operation was aborted", "AbortError")],
  ["google: a number as text", errorOf({ code: "503" })],
  ["google: a number", errorOf({ code: 429, response: { status: 429 } })],
  ["google: the body's word", errorOf({ error: { status: "UNAVAILABLE", message: "overloaded" } })],
  ["gRPC: unavailable", errorOf({ code: 14, details: "No connection established", metadata: {} })],
  ["gRPC: too late", errorOf({ code: 4, details: "Deadline exceeded", metadata: {} })],
  ["axios: a response", { name: "AxiosError", code: "ERR_BAD_RESPONSE", response: { status: 502 } }],
  ["axios: a timeout", errorOf({ name: "AxiosError", code: "ECONNABORTED" })],
  ["AI SDK: a status", apiCall({ statusCode: 500, isRetryable: true })],
  ["AI SDK: retries", retried(apiCall({ statusCode: 429 }), apiCall({ statusCode: 503 }))],
  ["AI SDK: retries without a last error", errorOf({ errors: [apiCall({ statusCode: 503 })] })],
  ["AI SDK: no connection", retried(apiCall({ isRetryable: true, cause: system("ECONNREFUSED") }))],
  [
    "AI SDK: no connection, and no code",
    retried(apiCall({ isRetryable: true, cause: new Error("bad port") })),
  ],
  [
    "AWS: throttled",
    errorOf({ name: "ThrottlingException", $fault: "client", $metadata: { httpStatusCode: 429 } }),
  ],
  ["AWS: its metadata alone", errorOf({ name: "Odd", $metadata: { httpStatusCode: 503, attempts: 3 } })],
  ["AWS: its response", errorOf({ $metadata: {}, $response: { statusCode: 500 } })],
  ["AWS: a fault of the server", errorOf({ name: "ModelErrorException", $fault: "server", $metadata: {} })],
  ["AWS: HTTP/2", errorOf({ code: "ERR_HTTP2_STREAM_CANCEL", cause: system("ECONNREFUSED") })],
  ["mistral: a status", errorOf({ statusCode: 503, rawResponse: new Response(null, { status: 503 }) })],
  [
    "mistral: a timeout",
    errorOf({ name: "RequestTimeoutError", cause: new DOMException("late", "TimeoutError") }),
  ],
  ["cohere: no response", errorOf({ rawResponse: { status: 0 }, cause: "timeout" })],
  ["got: a response", errorOf({ code: "ERR_NON_2XX_3XX_RESPONSE", response: { statusCode: 503 } })],
  ["got: a timeout", errorOf({ name: "TimeoutError", code: "ETIMEDOUT", event: "request" })],
  ["ky: a response", errorOf({ name: "HTTPError", response: new Response(null, { status: 503 }) })],
  ["ollama: a status", errorOf({ name: "ResponseError", status_code: 500 })],
  ["langchain: a timeout", errorOf({ name: "TimeoutError" }, "Request timed out.")],
  ["fetch: a name that is not known", fetchFailed(system("ENOTFOUND"))],
  ["fetch: no code", fetchFailed(new Error("bad port"))],
  ["fetch: a certificate", fetchFailed(system("CERT_HAS_EXPIRED"))],
  ["fetch: a timeout", new DOMException("The operation was aborted due to timeout", "TimeoutError")],
  ["fetch: cut off in the body", new TypeError("terminated", { cause: system("UND_ERR_BODY_TIMEOUT") })],
  ["node-fetch: a timeout", errorOf({ name: "FetchError", type: "request-timeout" })],
  ["node-fetch: a timeout in the body", errorOf({ name: "FetchError", type: "body-timeout" })],
  ["node-fetch: no connection", errorOf({ name: "FetchError", type: "system", code: "ECONNREFUSED" })],
  ["Bun: no connection", errorOf({ code: "ConnectionRefused", path: "http://127.0.0.1:1/" })],
  ["Bun: a name that is not known", errorOf({ code: "FailedToOpenSocket" })],
  ["several addresses", new AggregateError([system("ECONNREFUSED"), system("ENETUNREACH")])],
  ["all of several tries", new AggregateError([new Error("odd"), errorOf({ statusCode: 503 })])],
  [
    "what Promise.allSettled gives",
    errorOf({ errors: [{ status: "rejected", reason: errorOf({ status: 503 }) }] }),
  ],
  [
    "deep in causes",
    new Error("a", { cause: new Error("b", { cause: new Error("c", { cause: errorOf({ status: 500 }) }) }) }),
  ],
  ["no Error at all", { statusCode: 503 }],
  ["the last status", errorOf({ status: 599 })],
];

const loop: { cause?: unknown; errors?: unknown } = {};
loop.cause = loop;
loop.errors = [loop, loop];
const unreadable = new Proxy(
  {},
  {
    get: () => {
      throw new Error("unreadable");
    },
  },
);

const own: readonly (readonly [string, unknown])[] = [
  ["a plain error", new Error("wrong answer")],
  ["an error of JSON", new SyntaxError("Unexpected token")],
  ["nothing", undefined],
  ["text", "503"],
  ["a code of the file system", errorOf({ code: "ENOENT" })],
  ["the exit code of a program", errorOf({ code: 1, killed: false, cmd: "false" })],
  ["a number that is no status", errorOf({ status: 200, code: 14 })],
  ["a refusal of the endpoint", errorOf({ status: 400 })],
  ["a refusal, retried", retried(apiCall({ statusCode: 400 }), apiCall({ statusCode: 400 }))],
  [
    "a refusal, in axios's shape",
    { status: 400, response: { status: 400 }, cause: errorOf({ status: 400 }) },
  ],
  [
    "what the interception refuses",
    fetchFailed(new Error("x", { cause: new LightningError("E_STATE", "over") })),
  ],
  ["issues of a schema", errorOf({ name: "ZodError", errors: [{ code: "invalid_type", path: [] }] })],
  ["a loop of causes", loop],
  ["statuses beyond the last and before the first", errorOf({ status: 600, code: 399 })],
  ["text that only looks like a status", errorOf({ code: "450.5", status: "4500" })],
  ["a name that is no text", errorOf({ name: ["RateLimitError"] })],
  ["a code that is no text", errorOf({ code: ["ECONNREFUSED"] })],
  ["a number of gRPC without its details", errorOf({ code: 14 })],
  ["a number that gRPC has for mistakes", errorOf({ code: 3, details: "invalid" })],
  ["a type of node-fetch's in another error", errorOf({ name: "Other", type: "request-timeout" })],
  ["a fault of AWS's client", errorOf({ $fault: "client", isRetryable: false })],
  ["an abort that is no call's", errorOf({ name: "AbortError" })],
  ["a TypeError of its own", new TypeError("failed")],
  ["words of fetch in another error", new Error("fetch failed")],
  ["a proxy whose traps throw", unreadable],
];

describe("isProviderError", () => {
  it.each(outages)("takes for a provider's failure: %s", (_, error) => {
    expect(isProviderError(error, [])).toBe(true);
    expect(isProviderError(new Error("the judge failed", { cause: error }), [400])).toBe(true);
  });

  it.each(own)("takes for the agent's own: %s", (_, error) => {
    expect(isProviderError(error, [400])).toBe(false);
    expect(isProviderError(new Error("the step failed", { cause: error }), [400])).toBe(false);
  });

  it.each([
    ["openai", errorOf({ status: 400, code: "rollout_over", error: { code: "rollout_over" } })],
    ["AI SDK", apiCall({ statusCode: 400, responseBody: '{"error":{"code":"rollout_unknown"}}' })],
    ["anthropic", errorOf({ status: 400 }, '400 {"type":"error","error":{"code":"rollout_over"}}')],
    ["google", errorOf({ name: "ApiError", status: 400 }, '{"error":{"code":"not_forwarded"}}')],
    ["AI SDK, retried", retried(apiCall({ statusCode: 400, responseBody: '"rollout_over"' }))],
  ])("takes for the agent's own what names no rollout that runs, in the shape of %s", (_, error) => {
    expect(isProviderError(error, [])).toBe(false);
  });

  it("takes a status of 400 for a provider's where the endpoint refused nothing, or another one", () => {
    for (const refusals of [[], [422]])
      expect(isProviderError(errorOf({ statusCode: 400 }), refusals)).toBe(true);
    const both = new AggregateError([errorOf({ status: 400 }), errorOf({ status: 503 })]);
    expect(isProviderError(both, [400])).toBe(true);
  });

  it("looks at a bounded part of an endless error", () => {
    const endless: ProxyHandler<object> = {
      get: (_, key) => (key === "cause" ? new Proxy({}, endless) : undefined),
    };
    expect(isProviderError(new Proxy({}, endless), [])).toBe(false);
    const wide = { errors: Array.from({ length: 100_000 }, () => ({})) };
    expect(isProviderError(wide, [])).toBe(false);
  });
});
