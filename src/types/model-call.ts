// The boundary between observing and answering: tracing sees a request that a client sends, a handler answers it. Ranks never meet.

/** A request that a client inside a rollout sent to a routed host. */
export interface ModelRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as text and as JSON, where it has been read already and is some. */
  readonly parsed?: ParsedBody | undefined;
  readonly signal: AbortSignal;
}

export interface ParsedBody {
  readonly text: string;
  readonly value: unknown;
}

/** Answers inside the process. The response may stream. */
export type ModelHandler = (request: ModelRequest) => Promise<Response>;

/** What tracing does with a request of a rollout: serve it here, let it pass and record it, let it pass unseen, or let it pass with a warning. */
export type RouteAction = "serve" | "forward" | "ignore" | "unknown-host";

/** What became of a model call of a rollout. */
export interface CallNote {
  /**
   * `unseen`: by a client that is not on fetch. `unknown-host`: it went to a host that is not routed. `trace-upload`: no model call, but a
   * framework's upload of what it saw, which was answered here.
   */
  readonly kind: "serve" | "forward" | "ignore" | "unknown-host" | "unseen" | "trace-upload";
  /** Host and path, without the query. */
  readonly place: string;
  /** What says whose call it is: a name on the call, or the asynchronous context alone. */
  readonly by: "name" | "context";
}
