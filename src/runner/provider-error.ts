// Whether an agent failed because a provider did: a rollout that is not the policy's fault is excluded, not punished. Clients say so in
// many shapes: the tables below are those of OpenAI, Anthropic, Google, AWS, Mistral, Cohere, Groq, Ollama, the AI SDK, LangChain, axios,
// got, ky, undici, gRPC and fetch, as they fail against a server that refuses, drops the connection or hangs.

/**
 * @param refusals  statuses with which the policy's own endpoint refused calls of this rollout: those are the agent's doing unless they are 5xx
 * @returns true for an HTTP status of 400 or more, a network error or a call cut off by a timeout, anywhere in what the error carries
 */
export function isProviderError(error: unknown, refusals: readonly number[]): boolean {
  const seen = new Set<object>();
  const looked: Failure[] = [];
  let level: readonly unknown[] = [error];
  for (let depth = 0; depth < kDeepest && level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null || seen.has(value) || seen.size >= kMost) continue;
      seen.add(value);
      const failure = readFailure(value);
      const verdict = judge(failure, refusals);
      if (verdict === "provider") return true;
      if (verdict === "agent") continue;
      looked.push(failure);
      next.push(...failure.within);
    }
    level = next;
  }
  // What the interception itself refuses comes out of fetch as such a failure too.
  return looked.some(isFetchFailure) && !looked.some(({ name }) => name === "LightningError");
}

// --- internal ---

const kDeepest = 8;
const kMost = 256;

/** Where clients keep the status. */
const kStatuses = ["status", "statusCode", "status_code", "httpStatusCode", "httpStatus", "code"] as const;
/** Where they keep what else there is: causes, earlier tries, the response, its metadata, the body's error. */
const kWithin = [
  ...["cause", "error", "errors", "lastError", "originalError", "innerError", "suppressed", "reason"],
  ...["response", "rawResponse", "$response", "$metadata"],
] as const;
const kNetworkCode = new RegExp(
  `^(?:${[
    "E(?:CONN(?:REFUSED|RESET|ABORTED)|NOTFOUND|AI_.+|(?:SOCKET)?TIMEDOUT|PIPE|(?:HOST|NET)(?:UNREACH|DOWN)|PROTO)",
    "UND_ERR_(?:(?:CONNECT|HEADERS|BODY)_TIMEOUT|SOCKET|CONNECT|RES_.+)",
    "ERR_(?:HTTP2_.+|TLS_.+|SSL_.+|STREAM_PREMATURE_CLOSE|SOCKET_CLOSED|SOCKET_CONNECTION_TIMEOUT|NETWORK)",
    // Bun's.
    "Connection(?:Refused|Closed|Reset)|FailedToOpenSocket",
    "HPE_.+|CERT_.+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.+",
  ].join("|")})$`,
);
/** Names of errors that carry nothing else, or of their classes. */
const kNames =
  /^(?:APIConnection(?:Timeout)?Error|APITimeoutError|APIUserAbortError|ConnectionError|(?:Request)?TimeoutError|\w*TimeoutException|RateLimitError|ThrottlingException|ServiceUnavailableException)$/;
/** What node-fetch says instead of a code. */
const kFetchTypes: ReadonlySet<unknown> = new Set(["request-timeout", "body-timeout"]);
/** gRPC's DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL and UNAVAILABLE, by number and as Google's JSON has them. */
const kGrpcNumbers: ReadonlySet<unknown> = new Set([4, 8, 13, 14]);
const kGrpcNames: ReadonlySet<unknown> = new Set([
  ...["DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE"],
]);

/** Where a client keeps the code of a refusal differs; its text is nobody else's. */
const kOurRefusal = /\b(?:rollout_over|rollout_unknown|not_forwarded)\b/;

interface Failure {
  readonly name: unknown;
  readonly className: unknown;
  readonly message: unknown;
  readonly code: unknown;
  /** Of a call that named no rollout that runs, or came after its end. */
  readonly isOurRefusal: boolean;
  readonly isFetchTimeout: boolean;
  readonly isGrpc: boolean;
  /** As the AI SDK says of errors without a status, and AWS's clients of theirs. */
  readonly isRetryable: boolean;
  readonly hadNoResponse: boolean;
  readonly statuses: readonly unknown[];
  readonly within: readonly unknown[];
}

function readFailure(error: object): Failure {
  return {
    name: read(error, "name"),
    className: read(read(error, "constructor"), "name"),
    message: read(error, "message"),
    code: read(error, "code"),
    isOurRefusal: ["code", "message", "responseBody"].some((key) => kOurRefusal.test(textOf(error, key))),
    isFetchTimeout: read(error, "name") === "FetchError" && kFetchTypes.has(read(error, "type")),
    isGrpc: typeof (read(error, "details") ?? read(error, "rawMessage")) === "string",
    isRetryable: read(error, "isRetryable") === true || read(error, "$fault") === "server",
    statuses: kStatuses.map((key) => read(error, key)),
    hadNoResponse: read(read(error, "rawResponse"), "status") === 0,
    within: kWithin.flatMap((key) => {
      const value = read(error, key);
      return Array.isArray(value) ? value.slice(0, kMost) : [value];
    }),
  };
}

/** Of what cannot be read nothing is known: then it is the agent's. */
function read(from: unknown, key: string): unknown {
  try {
    const isReadable = (typeof from === "object" && from !== null) || typeof from === "function";
    return isReadable ? Reflect.get(from, key) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(from: object, key: string): string {
  const value = read(from, key);
  return typeof value === "string" ? value : "";
}

function judge(failure: Failure, refusals: readonly number[]): "provider" | "agent" | "unknown" {
  if (failure.isOurRefusal) return "agent";
  const { name, className, code, isGrpc, isRetryable, hadNoResponse, isFetchTimeout, statuses } = failure;
  const status = statuses.map(toStatus).find((value) => value !== null) ?? null;
  if (status !== null) return status >= 500 || !refusals.includes(status) ? "provider" : "agent";
  const isNetwork = typeof code === "string" && kNetworkCode.test(code);
  const isNamed = [name, className].some((text) => typeof text === "string" && kNames.test(text));
  const isRemote = (isGrpc && kGrpcNumbers.has(code)) || statuses.some((value) => kGrpcNames.has(value));
  // fetch and what is built on it, when somebody's signal cut the call off; the rollout's own is known before.
  const isCutOff = name === "AbortError" && className === "DOMException";
  const isSaid = isRetryable || hadNoResponse || isFetchTimeout;
  return isNetwork || isNamed || isRemote || isCutOff || isSaid ? "provider" : "unknown";
}

/** Google's clients write it as text. */
function toStatus(value: unknown): number | null {
  const status = typeof value === "string" && /^[45]\d\d$/.test(value) ? Number(value) : value;
  return typeof status === "number" && status >= 400 && status < 600 ? status : null;
}

function isFetchFailure({ name, message }: Failure): boolean {
  return name === "TypeError" && message === "fetch failed";
}
